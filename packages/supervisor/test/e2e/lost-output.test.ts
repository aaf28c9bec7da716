import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Rig } from '@handover/testkit'
import { freePort, openRig, until } from '@handover/testkit'

const hello = fileURLToPath(new URL('../../test/fixtures/apps/hello.cjs', import.meta.url))
const bin = fileURLToPath(import.meta.resolve('handover/bin'))

function rigWithApp(t: TestContext): Rig {
  const rig = openRig()
  t.after(() => rig.close())
  copyFileSync(hello, join(rig.folder, 'app.cjs'))
  return rig
}

const isReady = async (rig: Rig) => (await rig.status()).services[0]?.ready === 1
const logOf = (rig: Rig) => readFileSync(join(rig.home, 'test/logs/supervisor.log'), 'utf8')

test('run continues when nobody reads its output any more', async (t) => {
  const rig = rigWithApp(t)
  const run = rig.spawn('run', 'app.cjs', '-p', String(await freePort()))
  await once(run.stderr!, 'data')
  run.stdout!.destroy()
  run.stderr!.destroy()
  await until(() => existsSync(join(rig.home, 'test/run/control.sock')), 'the supervisor listens')
  await until(() => isReady(rig), 'the service is ready')
  assert.equal((await rig.operate({ type: 'upgrade' })).code, 0)
  assert.match(logOf(rig), /^\S+Z app: rollout complete$/m)
  const exit = once(run, 'exit')
  assert.equal((await rig.operate({ type: 'stop' })).code, 0)
  assert.deepEqual(await exit, [0, null])
})

test('run does not wait for a reader that has stopped reading', async (t) => {
  const rig = rigWithApp(t)
  const noise = `setInterval(() => console.log('x'.repeat(60_000)), 2)\n`
  writeFileSync(join(rig.folder, 'app.cjs'), noise + readFileSync(hello, 'utf8'))
  const run = rig.spawn('run', 'app.cjs', '-p', String(await freePort()))
  run.stdout!.pause()
  run.stderr!.pause()
  await until(() => existsSync(join(rig.home, 'test/run/control.sock')), 'the supervisor listens')
  await until(() => isReady(rig), 'the service is ready')
  const written = join(rig.home, 'test/logs/app/app-1.log')
  await until(() => statSync(written).size > 3 * 2 ** 20, 'the instance has printed more than a pipe holds')
  assert.equal((await rig.operate({ type: 'upgrade' })).code, 0)
  const exit = once(run, 'exit')
  assert.equal((await rig.operate({ type: 'stop' })).code, 0)
  assert.deepEqual(await exit, [0, null])
})

test('an instance that inherits an output which nobody reads gets a log file, and serves', async (t) => {
  const rig = rigWithApp(t)
  writeFileSync(join(rig.folder, 'app.cjs'), `console.log('it prints')\n${readFileSync(hello, 'utf8')}`)
  const run = rig.spawn('run', 'app.cjs', '--stdio', 'inherit', '-p', String(await freePort()))
  run.stdout!.destroy()
  run.stderr!.destroy()
  await until(() => existsSync(join(rig.home, 'test/run/control.sock')), 'the supervisor listens')
  await until(() => isReady(rig), 'the service is ready')
  const { code } = await rig.operate({ type: 'upgrade' })
  assert.equal(code, 0)
  assert.equal(readFileSync(join(rig.home, 'test/logs/app/app-2.log'), 'utf8'), 'it prints\n')
  const exit = once(run, 'exit')
  assert.equal((await rig.operate({ type: 'stop' })).code, 0)
  assert.deepEqual(await exit, [0, null])
})

test('run continues when its terminal is closed, and exits with 0 when it is stopped', async (t) => {
  const rig = rigWithApp(t)
  const code = join(rig.folder, 'code')
  const command = `${process.execPath} ${bin} run app.cjs -p ${await freePort()} --name test`
  // script(1) makes the terminal. The shell in it stays to see the exit code.
  const script = spawn('script', ['-qc', `trap "" HUP; ${command}; echo $? > ${code}`, '/dev/null'], {
    cwd: rig.folder,
    env: { ...process.env, HANDOVER_HOME: rig.home, SHELL: '/bin/sh' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  script.stdout.resume()
  await until(() => existsSync(join(rig.home, 'test/run/control.sock')), 'the supervisor listens')
  await until(() => isReady(rig), 'the service is ready')
  script.kill('SIGKILL')
  await once(script, 'exit')
  assert.equal((await rig.operate({ type: 'upgrade' })).code, 0)
  assert.equal((await rig.operate({ type: 'stop' })).code, 0)
  await until(() => existsSync(code) && readFileSync(code, 'utf8') !== '', 'the supervisor has exited')
  assert.equal(readFileSync(code, 'utf8'), '0\n')
})

test('a command whose reader ends still has the right exit code', async (t) => {
  const rig = rigWithApp(t)
  await rig.handover('start', 'app.cjs', '-p', String(await freePort()))
  const env = { ...process.env, HANDOVER_HOME: rig.home }
  /** The exit code of a command whose output goes into a pipe without a reader. */
  const codeOf = async (...words: string[]) => {
    const command = `exec 3>&1; { "$@" 2>&1; echo $? >&3; } | exec true`
    const args = ['-c', command, 'sh', process.execPath, bin, ...words]
    return Number((await promisify(execFile)('sh', args, { cwd: rig.folder, env })).stdout)
  }
  assert.equal(await codeOf('status', '--name', 'test'), 0)
  assert.equal(await codeOf('status', '--name', 'other'), 5)
  assert.equal(await codeOf('upgrade', '--name', 'test'), 0)
  assert.equal(await codeOf('upgrade', 'nope', '--name', 'test'), 2)
})
