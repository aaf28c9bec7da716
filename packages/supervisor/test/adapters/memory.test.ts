import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { within } from '@handover/testkit'
import { openMemoryGauge } from '../../dist/adapters/index.js'
import { residentBytes } from '../../dist/adapters/linux/proc.js'

const mebibyte = 2 ** 20

/** Starts a process and a child in the same group. Each allocates that many bytes. */
async function group(t: TestContext, bytes: number): Promise<number> {
  const hold = `const kept = Buffer.alloc(${bytes}, 1); process.send('holds'); process.on('message', () => kept)`
  const program = `
    const child = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(hold)}], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    child.once('message', () => { ${hold} })
    process.on('disconnect', () => child.kill('SIGKILL'))`
  const leader = spawn(process.execPath, ['-e', program], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const pid = leader.pid ?? 0
  t.after(() => process.kill(-pid, 'SIGKILL'))
  await within(once(leader, 'message'), 'both to hold their bytes')
  return pid
}

test('residentBytes() adds up the processes of each group', async (t) => {
  const [small, large] = await Promise.all([group(t, mebibyte), group(t, 100 * mebibyte)])
  const sizes = residentBytes(new Set([small, large, 2 ** 30]))
  assert.deepEqual([...sizes.keys()].sort(), [small, large].sort())
  const more = (sizes.get(large) ?? 0) - (sizes.get(small) ?? 0)
  assert.ok(more > 180 * mebibyte && more < 220 * mebibyte, `${more / mebibyte} MiB more`)
})

test('openMemoryGauge() reports each group repeatedly until it is stopped', async (t) => {
  const pid = await group(t, 100 * mebibyte)
  t.mock.timers.enable({ apis: ['setInterval'] })
  const gauge = openMemoryGauge()
  const sizes: number[] = []
  const stopOther = gauge.watch(2 ** 30, () => assert.fail('there is no such group'))
  const stop = gauge.watch(pid, (bytes) => sizes.push(bytes))
  t.mock.timers.tick(4999)
  assert.deepEqual(sizes, [])
  t.mock.timers.tick(5001)
  assert.equal(sizes.length, 2)
  assert.ok(sizes.every((bytes) => bytes > 200 * mebibyte))
  stop()
  t.mock.timers.tick(10_000)
  stopOther()
  assert.equal(sizes.length, 2)
})
