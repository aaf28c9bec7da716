import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { SecureVersion } from 'node:tls'
import { connect } from 'node:tls'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { text } from 'node:stream/consumers'
import { countStreams } from './http2-frames.js'
import { http2Load } from './http2-load.js'
import { fixture, http2Service, upgradeOften, without } from './http2-service.js'

const upgrades = 20
/** Without it the processes of curl would take the time that the instances need to start. */
const thinkMs = 50

test('upgrade leaves no stream over plaintext unserved', async (t) => {
  const { rig, port, counted } = await http2Service(t, { TLS: '0' })
  const watched = await countStreams(t, port)
  const load = http2Load(t, { port: watched.port, secure: false, sessions: 10, streams: 8 })
  await upgradeOften(rig, upgrades)
  const { answered, refused, failures } = await load.stop()
  assert.deepEqual(failures, [])
  await rig.handover('stop')
  assert.equal(watched.sent(), answered)
  assert.equal(counted(), answered)
  t.diagnostic(`${answered} answered, ${refused} given up by the client unsent, over ${upgrades} upgrades`)
})

test('upgrade leaves over TLS only streams unserved that a client may send again', async (t) => {
  const { rig, port, counted } = await http2Service(t, { TLS: '1' })
  const load = http2Load(t, { port, sessions: 10, streams: 8 })
  await upgradeOften(rig, upgrades)
  const { answered, refused, failures } = await load.stop()
  assert.deepEqual(failures, [])
  await rig.handover('stop')
  // RFC 9113, 8.7: a stream that the application has seen must not be among the refused ones.
  assert.equal(counted(), answered)
  t.diagnostic(`${answered} answered, ${refused} refused, over ${upgrades} upgrades`)
})

test("upgrade loses no request of Go's client over HTTP/2 with TLS", without('go'), async (t) => {
  const { rig, url } = await http2Service(t, { TLS: '1' })
  const program = join(rig.folder, 'client')
  execFileSync('go', ['build', '-o', program, fixture('clients/http2.go')], {
    env: { ...process.env, GO111MODULE: 'off' },
  })
  const client = spawn(program, [url], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => client.kill('SIGKILL'))
  await upgradeOften(rig, upgrades)
  client.stdin.end()
  const [answered = 0, failed] = (await text(client.stdout)).split(' ').map(Number)
  t.diagnostic(`${answered} answered, ${failed} failed`)
  assert.equal(failed, 0)
  assert.ok(answered > upgrades * 100)
})

test('upgrade loses no request of curl over HTTP/2 with TLS', without('curl'), async (t) => {
  const { rig, url } = await http2Service(t, { TLS: '1' })
  const state = { stopped: false, answered: 0, failures: [] as string[] }
  t.after(() => (state.stopped = true))
  const callers = [0, 1].map((caller) => curl(url, caller === 1, state))
  await upgradeOften(rig, upgrades)
  state.stopped = true
  await Promise.all(callers)
  t.diagnostic(`${state.answered} answered`)
  assert.deepEqual(state.failures, [])
  assert.ok(state.answered > upgrades)
})

/** One curl after another, each with twenty requests on one connection, and a pause between them. */
async function curl(
  url: string,
  post: boolean,
  state: { stopped: boolean; answered: number; failures: string[] },
) {
  const each = [
    '--http2',
    '-ksS',
    '-o',
    '/dev/null',
    '-w',
    '%{http_version} %{http_code}\\n',
    ...(post ? ['-d', 'x'] : []),
  ]
  const args = Array.from({ length: 20 }, () => [...each, url]).flatMap((one, i) =>
    i === 0 ? one : ['--next', ...one],
  )
  while (!state.stopped) {
    const child = spawn('curl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const [lines, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
    const answers = lines.trim().split('\n')
    state.answered += answers.filter((answer) => answer === '2 200').length
    state.failures.push(
      ...answers.filter((answer) => answer !== '2 200'),
      ...errors.split('\n').filter((line) => line !== ''),
    )
    await later(thinkMs)
  }
}

test('upgrade lets clients resume their TLS sessions with the instances that come after', async (t) => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    await t.test(maxVersion, async (t) => {
      const { rig, port } = await http2Service(t, { TLS: '1' })
      const first = await handshake(port, maxVersion)
      assert.equal(first.reused, false)
      const sibling = await handshake(port, maxVersion, first.session)
      assert.equal(sibling.reused, true, 'with the same or the other replica')
      assert.equal((await rig.upgrade()).code, 0)
      for (let i = 0; i < 4; i++)
        assert.equal((await handshake(port, maxVersion, first.session)).reused, true, 'after the upgrade')
    })
  }
})

/** Connects, with the ticket of an earlier connection if there is one; gives the newest ticket. */
async function handshake(port: number, maxVersion: SecureVersion, session?: Buffer) {
  const socket = connect({ port, rejectUnauthorized: false, maxVersion, ...(session && { session }) })
  let newest: Buffer | undefined
  socket.on('session', (given: Buffer) => (newest = given))
  await once(socket, 'secureConnect')
  const reused = socket.isSessionReused()
  // With TLS 1.3 the tickets come after the handshake; an answer of the server comes after them.
  socket.end('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n')
  socket.resume()
  await once(socket, 'close')
  return { reused, session: newest ?? session }
}
