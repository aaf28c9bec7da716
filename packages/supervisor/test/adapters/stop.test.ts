import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { until, within } from '@handover/testkit'
import { groupStop } from '../../dist/adapters/processes/stop.js'
import { handlesSignal } from '../../dist/adapters/linux/receivers.js'
import { signalNumber } from '../../dist/adapters/linux/signals.js'
import { defer, folderFor } from './rig.js'

/** Answers a signal after a while, as a server does that has a request in flight. Writes its pid when it runs. */
const program = `
const fs = require('node:fs')
process.on('SIGTERM', () => setTimeout(() => {
  fs.appendFileSync('log', 'drained\\n')
  process.exit(0)
}, 200))
setInterval(() => {}, 1000)
fs.writeFileSync('pid', String(process.pid))
fs.appendFileSync('log', 'started\\n')
`

interface Group {
  leader: ChildProcess
  pid: number
  log: () => string[]
  ended: Promise<unknown[]>
}

/** A process group with the program somewhere in it, as an instance is. */
async function groupOf(t: TestContext, command: string[]): Promise<Group> {
  const folder = folderFor(t)
  const file = join(folder, 'log')
  writeFileSync(join(folder, 'program.cjs'), program)
  const leader = spawn(command[0] ?? '', command.slice(1), { cwd: folder, detached: true, stdio: 'ignore' })
  const ended = once(leader, 'exit')
  const pid = leader.pid ?? 0
  defer(t, () => {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // Nothing is left, as it should be.
    }
  })
  const log = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [])
  await until(() => log().length === 1, 'the program runs')
  return { leader, pid, log, ended }
}

const sh = (script: string): string[] => ['sh', '-c', script]

/** Also keeps a shell from executing the last command in its place. */
const after = 'echo afterwards >> log'
const init = `const child = require('node:child_process').spawn('sh', ['-c', 'node program.cjs; ${after}'])
process.title = 'x'; child.on('exit', (code) => process.exit(code))`

describe('groupStop() lets the program below a launcher end by itself', () => {
  const table: [string, string[], string[]][] = [
    ['a shell', sh(`node program.cjs; ${after}`), ['drained', 'afterwards']],
    ['shells in shells', sh(`sh -c "node program.cjs; true"; ${after}`), ['drained', 'afterwards']],
    ['a shell that exits without it', sh('trap "exit 0" TERM; node program.cjs & wait'), ['drained']],
    [
      'a shell that passes the signal on and does not wait',
      sh("trap 'kill $pid; exit 0' TERM; node program.cjs & pid=$!; wait"),
      ['drained'],
    ],
    ['flock(1)', ['flock', 'lock', 'node', 'program.cjs'], ['drained']],
  ]
  for (const [what, command, expected] of table) {
    test(what, async (t) => {
      const { pid, log, ended } = await groupOf(t, command)
      const stop = groupStop({ leader: pid, serves: () => false, limitMs: 20_000 })
      stop.begin('SIGTERM')
      await within(ended, 'the exit of the leader')
      await within(stop.finish(), 'the end of the group')
      assert.deepEqual(log().slice(1), expected)
    })
  }
})

test('groupStop() gives a program time that is known to serve, when its shim exits at the signal', async (t) => {
  const { pid, log, ended, leader } = await groupOf(t, [process.execPath, '-e', init])
  const serves = (candidate: number) => candidate !== pid
  const stop = groupStop({ leader: pid, serves, limitMs: 20_000 })
  stop.begin('SIGTERM')
  await within(ended, 'the exit of the leader')
  await within(stop.finish(), 'the end of the group')
  assert.equal(leader.signalCode, 'SIGTERM')
  assert.ok(log().includes('drained'))
})

test('groupStop() stops a shell that starts its program again', async (t) => {
  const { pid, log, ended } = await groupOf(t, sh('while :; do node program.cjs; done'))
  const stop = groupStop({ leader: pid, serves: () => false, limitMs: 20_000 })
  stop.begin('SIGTERM')
  await within(ended, 'the exit of the leader')
  await within(stop.finish(), 'the end of the group')
  const starts = log().filter((line) => line === 'started').length
  assert.equal(log().filter((line) => line === 'drained').length, starts, log().join())
})

test('groupStop() kills at once what else a program leaves behind, and at the limit what does not end', async (t) => {
  const first = await groupOf(t, [process.execPath, '-e', init])
  const leaves = groupStop({ leader: first.pid, serves: () => false, limitMs: 20_000 })
  leaves.begin('SIGTERM')
  await within(first.ended, 'the exit of the leader')
  await within(leaves.finish(), 'the end of the group')
  assert.deepEqual(first.log(), ['started'])

  const second = await groupOf(t, sh('trap "exit 0" TERM; node program.cjs & wait'))
  const limited = groupStop({ leader: second.pid, serves: () => false, limitMs: 0 })
  limited.begin('SIGTERM')
  await within(second.ended, 'the exit of the leader')
  await within(limited.finish(), 'the end of the group')
  assert.deepEqual(second.log(), ['started'])
})

test('signalNumber() knows the real-time signals by the names that Kubernetes has for them', () => {
  assert.deepEqual(
    ['SIGTERM', 'SIGRTMIN', 'SIGRTMIN+3', 'SIGRTMAX-14', 'SIGRTMAX'].map(signalNumber),
    [15, 34, 37, 50, 64],
  )
  for (const name of ['TERM', 'SIGRTMIN+31', 'SIGRTMAX+1', 'SIGFOO'])
    assert.throws(() => signalNumber(name), /wanted a name such as/)
})

test('groupStop() sends a real-time signal', async (t) => {
  const script = "trap 'exit 5' 37; echo started > log; while :; do sleep 0.05; done"
  const { pid, ended } = await groupOf(t, sh(script))
  assert.ok(handlesSignal(pid, 'SIGRTMIN+3'))
  const stop = groupStop({ leader: pid, serves: () => false, limitMs: 1000 })
  stop.begin('SIGRTMIN+3')
  assert.deepEqual(await within(ended, 'its exit'), [5, null])
  await stop.finish()
})
