import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import test from 'node:test'
import { within } from '@handover/testkit'
import { openProcesses, openSockets } from '../../dist/adapters/index.js'
import type { ListenerSpec } from '../../dist/model/index.js'
import type { LaunchedProcess, Listener } from '../../dist/ports.js'
import { anyTcpPort, defer, fixture, folderFor, recorder, revisionOf, commandSpec } from './rig.js'

type Left = LaunchedProcess & { listener: Omit<Listener, 'fd'> }

const command = [process.execPath, fixture('library.mjs')]

/** What a supervisor leaves when it is killed after it has launched one instance. */
async function leftBehind(t: TestContext, folder: string, listen: ListenerSpec): Promise<Left> {
  const first = spawn(
    process.execPath,
    [fixture('first-supervisor.mjs'), folder, JSON.stringify(listen), ...command],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const [line] = (await within(once(createInterface(first.stdout), 'line'), 'instance')) as [string]
  const left = JSON.parse(line) as Left
  defer(t, () => killIfThere(left.pid))
  first.kill('SIGKILL')
  await within(once(first, 'exit'), 'end of the first supervisor')
  return left
}

function killIfThere(pid: number): void {
  if (existsSync(`/proc/${pid}`)) process.kill(-pid, 'SIGKILL')
}

const reopen = (folder: string) =>
  openProcesses({
    runDir: join(folder, 'run'),
    logDir: join(folder, 'log'),
    stdio: 'file',
    prepare: () => ({ ok: true, value: { argv: command, cwd: '/', env: {}, hasLibrary: true } }),
  })

const portOf = (address: string): string => address.slice(address.lastIndexOf(':') + 1)

test('adopt() and recover() continue with an instance whose supervisor was killed', async (t) => {
  const folder = folderFor(t)
  const left = await leftBehind(t, folder, anyTcpPort)
  const url = `http://127.0.0.1:${portOf(left.listener.address)}/`
  assert.equal((await fetch(url)).status, 200, 'it still serves without a supervisor')

  const sockets = openSockets()
  const recovered = sockets.recover(left.listener, [left.pid])
  assert.ok(recovered.ok)
  defer(t, () => sockets.close(recovered.value))
  assert.equal(recovered.value.inode, left.listener.inode)

  const processes = reopen(folder)
  assert.deepEqual(processes.find('web-1'), { pid: left.pid, startTime: left.startTime })
  assert.equal(processes.find('web-2'), null)
  const revision = revisionOf(commandSpec(command))
  const listeners = [recovered.value]
  const old = recorder()
  const order = { ...left, instance: 'web-1', revision, listeners }
  const adopted = await processes.adopt(order, old.observer)
  assert.deepEqual(adopted, {
    ok: true,
    value: { pid: left.pid, startTime: left.startTime, probeDir: left.probeDir },
  })
  await old.until('ready')

  const next = recorder()
  const launched = await processes.launch({ instance: 'web-2', revision, listeners }, next.observer)
  assert.ok(launched.ok)
  defer(t, () => killIfThere(launched.value.pid))
  await next.until('ready')
  processes.drain('web-1')
  await old.until('drained')
  const { exit, output } = await old.until('exited')
  assert.deepEqual(exit, { code: null, signal: null }, 'another supervisor was its parent')
  assert.deepEqual(output, ['listening', 'drained'])
  const answer = (await (await fetch(url)).json()) as { pid: number }
  assert.equal(answer.pid, launched.value.pid)
  processes.drain('web-2')
  assert.equal((await next.until('exited')).exit.code, 0)
})

test('recover() recovers a unix listener with its file', async (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'web.sock')
  const left = await leftBehind(t, folder, { type: 'unix', path, mode: 0o600, backlog: 16 })
  const sockets = openSockets()
  const recovered = sockets.recover(left.listener, [process.pid, left.pid])
  assert.ok(recovered.ok)
  sockets.close(recovered.value)
  assert.equal(existsSync(path), false)
})

test('recover() fails when no process has the listener open', async (t) => {
  const left = await leftBehind(t, folderFor(t), anyTcpPort)
  const other = openSockets().recover({ ...left.listener, inode: 1 }, [left.pid])
  assert.ok(!other.ok)
  assert.equal(
    other.failure.message,
    `listener "http" on ${left.listener.address} cannot be taken back from the instances`,
  )
})

test('adopt() fails when the process has ended or another process has its pid', async (t) => {
  const folder = folderFor(t)
  const revision = revisionOf(commandSpec(command))
  const order = { instance: 'web-1', revision, listeners: [], pid: process.pid, startTime: '1' }
  const adopted = await reopen(folder).adopt(order, recorder().observer)
  assert.ok(!adopted.ok)
  assert.equal(adopted.failure.message, `there is no process ${process.pid} that was started at tick 1`)
  assert.equal(existsSync(join(folder, 'run/web-1')), false)
})

test('adopt() reports the exit code when the supervisor is the same process after execve(2)', async (t) => {
  const args = [fixture('first-supervisor.mjs'), folderFor(t), JSON.stringify(anyTcpPort), ...command]
  const supervisor = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, FIXTURE_EXEC: '1' },
  })
  defer(t, () => supervisor.kill('SIGKILL'))
  const lines = createInterface(supervisor.stdout)[Symbol.asyncIterator]()
  const next = async (what: string) => JSON.parse(String((await within(lines.next(), what)).value)) as unknown

  assert.equal(await next('adoption'), 'adopted')
  const children = readFileSync(`/proc/${supervisor.pid}/task/${supervisor.pid}/children`, 'utf8')
  const instance = Number(children)
  defer(t, () => killIfThere(instance))
  process.kill(instance, 'SIGKILL')
  assert.deepEqual(await next('exit'), { code: null, signal: 'SIGKILL' })
})
