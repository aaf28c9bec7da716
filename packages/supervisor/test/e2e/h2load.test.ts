import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { countStreams } from './http2-frames.js'
import { http2Service, upgrade, without } from './http2-service.js'

const upgrades = 10

/**
 * h2load opens no second connection after a GOAWAY: its client ends there, and counts what it had still meant to ask
 * for as "failed, errored", although it never began it. So new clients come all the time, ten in a second, and what
 * counts is what was started.
 */
test("upgrade fails no stream of h2load's over plaintext HTTP/2", without('h2load'), async (t) => {
  const { rig, port, counted } = await http2Service(t, { TLS: '0' })
  const watched = await countStreams(t, port)
  const total = { total: 0, started: 0, succeeded: 0 }
  let done = 0
  while (done < upgrades) {
    const load = h2load(watched.port)
    let loading = true
    const result = load.finally(() => (loading = false))
    for (; loading; done++) await upgrade(rig)
    const { requests, started, succeeded } = await result
    total.total += requests
    total.started += started
    total.succeeded += succeeded
  }
  await rig.handover('stop')
  t.diagnostic(
    `${total.succeeded} of ${total.started} streams, over ${done} upgrades; ${watched.sent()} were sent`,
  )
  assert.ok(total.started > upgrades * 100)
  assert.ok(total.started < total.total, 'no client has met a GOAWAY')
  // Every stream that left h2load was answered, and none was served twice.
  assert.equal(watched.sent(), total.succeeded)
  assert.equal(counted(), total.succeeded)
  assert.equal(total.succeeded, total.started)
})

/** 100 clients, each with 8 streams at once and 400 requests, 10 more in each second. */
async function h2load(port: number) {
  const args = ['-c', '100', '-r', '10', '-n', '40000', '-m', '8', `http://127.0.0.1:${port}/`]
  const { stdout } = await promisify(execFile)('h2load', args, { maxBuffer: 2 ** 26 })
  const figures = /requests: (\d+) total, (\d+) started, \d+ done, (\d+) succeeded/.exec(stdout)
  assert.ok(figures, stdout)
  const [requests = 0, started = 0, succeeded = 0] = figures.slice(1).map(Number)
  return { requests, started, succeeded }
}
