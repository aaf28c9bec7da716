import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { within } from '@handover/testkit'
import { kernelStats, lockFile, openReleases, systemClock } from '../../dist/adapters/index.js'
import { watchPid } from '../../dist/adapters/linux/poll.js'
import { startTime } from '../../dist/adapters/linux/proc.js'
import { folderFor, commandSpec } from './rig.js'

test('clock.at() calls back at or after the time, also if it has already passed', async () => {
  const clock = systemClock()
  const due = clock.now() + 20
  const called = await within(
    new Promise<number>((resolve) => clock.at(due, () => resolve(clock.now()))),
    'call',
  )
  assert.ok(called >= due, `${called} is before ${due}`)
  await within(new Promise<void>((resolve) => clock.at(0, resolve)), 'call')
})

test('clock.at() does not call back early when the time exceeds the maximum of a timer', async () => {
  const clock = systemClock()
  const calls: string[] = []
  const cancelFar = clock.at(clock.now() + 2 ** 33, () => calls.push('far'))
  const cancelSoon = clock.at(clock.now() + 5, () => calls.push('cancelled'))
  cancelSoon()
  await within(new Promise<void>((resolve) => clock.at(clock.now() + 20, resolve)), 'call')
  cancelFar()
  assert.deepEqual(calls, [])
})

test('kernelStats() reads the counters of the listen queues', () => {
  const stats = kernelStats().read()
  assert.ok(stats)
  const text = readFileSync('/proc/net/netstat', 'utf8')
  assert.ok(text.includes('ListenOverflows'))
  for (const value of Object.values(stats)) assert.ok(Number.isSafeInteger(value) && value >= 0)
})

test('lockFile() refuses a second holder, names the first, and is free after release()', (t) => {
  const path = join(folderFor(t), 'lock')
  const first = lockFile(path)
  assert.ok(first.ok)
  const second = lockFile(path)
  assert.ok(!second.ok)
  assert.equal(second.failure.message, `pid ${process.pid} holds "${path}"`)
  first.value.release()
  const third = lockFile(path)
  assert.ok(third.ok)
  third.value.release()
})

test('watchPid() reports the end of a process, and nothing after it was stopped', async () => {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  const pid = child.pid ?? 0
  const calls: string[] = []
  const stopped = watchPid(pid, startTime(pid) ?? '', () => calls.push('stopped'))
  assert.ok(stopped)
  stopped.stop()
  const gone = new Promise<void>((resolve) => {
    assert.ok(watchPid(pid, startTime(pid) ?? '', resolve))
  })
  child.kill('SIGKILL')
  await within(gone, 'end of the process')
  assert.deepEqual(calls, [])
})

test('watchPid() returns null for a process that has ended, or another with the same pid', async () => {
  const child = spawn('true', { stdio: 'ignore' })
  const pid = child.pid ?? 0
  const started = startTime(pid) ?? ''
  await once(child, 'exit')
  assert.equal(
    watchPid(pid, started, () => assert.fail('it was watched')),
    null,
  )
  assert.equal(
    watchPid(process.pid, '1', () => assert.fail('it was watched')),
    null,
  )
})

test('openReleases() follows every link, and refuses a path that is not a folder', (t) => {
  const folder = folderFor(t)
  const releases = openReleases()
  assert.deepEqual(releases.resolve(commandSpec([], { cwd: '/proc/self/root/proc' })), {
    ok: true,
    value: '/proc',
  })
  const missing = releases.resolve(commandSpec([], { cwd: join(folder, 'no') }))
  assert.ok(!missing.ok)
  assert.equal(
    missing.failure.message,
    `the folder "${folder}/no" of service "web" does not exist, wanted it, or a configuration with another "cwd": "handover upgrade -c …"`,
  )
})
