import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Status } from 'handover/model'
import type { Rig } from '@handover/testkit'
import { freePort, openRig, until } from '@handover/testkit'
import { runCommand } from '../commands.js'
import { loadFor } from '../load.js'

const hello = fileURLToPath(new URL('../../test/fixtures/apps/hello.cjs', import.meta.url))

function rigWithApp(t: TestContext): Rig {
  const rig = openRig()
  t.after(() => rig.close())
  copyFileSync(hello, join(rig.folder, 'app.cjs'))
  return rig
}

async function started(t: TestContext): Promise<Rig> {
  const rig = rigWithApp(t)
  const { code, stderr } = await rig.handover('start', 'app.cjs', '-p', String(await freePort()))
  assert.equal(code, 0, stderr)
  return rig
}

/** As `rig.handover`, in a process that these commands share. */
const run = (rig: Rig, ...args: string[]) =>
  runCommand([...args, '--name', 'test'], rig.folder, { ...process.env, HANDOVER_HOME: rig.home })

test('start exits with 2 and leaves nothing behind when the port is in use', async (t) => {
  const rig = rigWithApp(t)
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { code, stderr } = await rig.handover('start', 'app.cjs', '-p', String(port))
  server.close()
  assert.equal(code, 2)
  assert.match(stderr, new RegExp(`${port}.*in use`))
  assert.equal((await rig.handover('status')).code, 5)
})

test('start exits with 1, shows the last lines and leaves nothing behind when the service cannot boot', async (t) => {
  const rig = rigWithApp(t)
  writeFileSync(join(rig.folder, 'app.cjs'), `console.log('boom: no database'); process.exit(1)`)
  const { code, stderr } = await rig.handover('start', 'app.cjs', '-p', String(await freePort()))
  assert.equal(code, 1)
  assert.match(stderr, /boom: no database/)
  assert.equal((await rig.handover('status')).code, 5)
})

// In this order: the last two change what the others look at.
describe('with one supervisor', () => {
  const rig = openRig()
  before(async () => {
    const source = `console.log('hello from the log')\n${readFileSync(hello, 'utf8')}`
    writeFileSync(join(rig.folder, 'app.cjs'), source)
    const port = String(await freePort())
    const { code, stderr } = await rig.handover('start', 'app.cjs', '-i', '2', '-p', port)
    assert.equal(code, 0, stderr)
  })
  after(() => rig.close())

  test('start exits with 2 when a supervisor of the same name already runs', async () => {
    const { code, stderr } = await rig.handover('start', 'app.cjs', '-p', String(await freePort()))
    assert.equal(code, 2)
    assert.match(stderr, /"test" already runs/)
    assert.equal((await rig.status()).services[0]?.ready, 2)
  })

  test('status --json has the documented form', async () => {
    const { stdout } = await rig.handover('status', '--json')
    const { supervisor, services } = JSON.parse(stdout) as Status
    assert.deepEqual(Object.keys(supervisor), ['name', 'pid', 'version', 'startedAt', 'rssBytes', 'config'])
    assert.equal(services.length, 1)
    const [service] = services
    assert.equal(service?.name, 'app')
    assert.deepEqual(
      [service?.replicas, service?.ready, service?.available, service?.rollout],
      [2, 2, 2, null],
    )
    const [instance] = service?.instances ?? []
    assert.equal(instance?.id, 'app-1')
    assert.equal(instance?.state, 'ready')
    assert.ok(existsSync(`/proc/${instance?.pid}`))
  })

  test('undo exits with 2 when there is no such revision', async () => {
    const { code, stderr } = await rig.handover('undo', '--to-revision', '9')
    assert.equal(code, 2)
    assert.match(stderr, /"app" has no revision 9, wanted one of 1/)
  })

  test('upgrade exits with 2 and disturbs nothing when there is no such service', async () => {
    const { code, stderr } = await rig.handover('upgrade', 'nope')
    assert.equal(code, 2)
    assert.match(stderr, /service "nope" does not exist, wanted "app"/)
  })

  test('logs shows what the instances printed', async () => {
    assert.match((await rig.handover('logs')).stdout, /^app-1 \| hello from the log$/m)
  })

  test('scale starts and drains instances when the number changes', async () => {
    assert.equal((await rig.handover('scale', 'app=3')).code, 0)
    assert.equal((await rig.status()).services[0]?.ready, 3)
    assert.equal((await rig.handover('scale', 'app=1')).code, 0)
    assert.equal((await rig.status()).services[0]?.ready, 1)
  })

  test('upgrade waits while the service is paused and continues when it is resumed', async () => {
    assert.equal((await rig.handover('pause')).code, 0)
    const upgrading = rig.upgrade()
    const begun = async () => (await rig.status()).services[0]?.rollout != null
    await until(begun, 'the rollout has begun')
    assert.match((await rig.handover('explain')).stdout, /paused/)
    assert.equal((await rig.handover('resume')).code, 0)
    assert.equal((await upgrading).code, 0)
  })
})

test('every command exits with 5 when no supervisor runs', async (t) => {
  const rig = rigWithApp(t)
  for (const args of [
    ['status'],
    ['upgrade'],
    ['undo'],
    ['restart'],
    ['pause'],
    ['resume'],
    ['scale', 'app=2'],
    ['stop'],
    ['history'],
    ['explain'],
    ['logs'],
    ['verify'],
    ['reload'],
  ]) {
    const { code, stderr } = await run(rig, ...args)
    assert.equal(code, 5, `${args.join(' ')}: ${stderr}`)
    assert.match(stderr, /no supervisor named "test" runs here/)
  }
})

test('undo goes back to the release before when cwd is a link that was switched', async (t) => {
  const rig = await started(t)
  assert.equal((await rig.upgrade()).code, 0)
  const { code, stderr } = await rig.handover('undo')
  assert.equal(code, 0, stderr)
  const history = JSON.parse((await rig.handover('history', '--json')).stdout) as {
    revisions: { revision: { cause: string } }[]
  }[]
  assert.deepEqual(
    history[0]?.revisions.map(({ revision }) => revision.cause),
    ['start', 'upgrade', 'undo to revision 1'],
  )
})

test('run drains and exits with 0 when it gets SIGTERM', async (t) => {
  const rig = rigWithApp(t)
  const supervisor = rig.spawn('run', 'app.cjs', '-p', String(await freePort()))
  let talk = ''
  supervisor.stderr?.on('data', (chunk) => (talk += String(chunk)))
  while (!talk.includes('rollout complete')) await once(supervisor.stderr!, 'data')
  supervisor.kill('SIGTERM')
  const [code] = (await once(supervisor, 'exit')) as [number]
  assert.equal(code, 0)
  assert.match(talk, /app-1: exited with code 0/)
})

test('completion prints a script for each shell', async (t) => {
  const rig = rigWithApp(t)
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await run(rig, 'completion', shell)
    assert.equal(code, 0)
    assert.match(stdout, /upgrade/)
  }
})

test('start adopts the instances of a killed supervisor, and no request fails', async (t) => {
  const rig = rigWithApp(t)
  const port = await freePort()
  const args = ['start', 'app.cjs', '-i', '2', '-p', String(port)]
  assert.equal((await rig.handover(...args)).code, 0)
  const load = loadFor(t, {
    target: { host: '127.0.0.1', port },
    workloads: { newConnections: { perSecond: 50 }, keepAlive: [{ connections: 10, thinkMs: [0, 100] }] },
  })
  const before = await rig.status()
  process.kill(before.supervisor.pid, 'SIGKILL')
  await until(() => !existsSync(`/proc/${before.supervisor.pid}/exe`), 'the supervisor is gone')

  const { code, stderr } = await rig.handover(...args)
  assert.equal(code, 0, stderr)
  const after = await rig.status()
  const pids = ({ services }: typeof after) => services[0]?.instances.map(({ pid }) => pid)
  assert.deepEqual(pids(after), pids(before))
  assert.equal((await rig.upgrade()).code, 0)
  const report = await load.stop()
  assert.ok(report.answered > 0)
  assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
})

test('start leaves no descriptor of its caller open, whatever its number', async (t) => {
  const rig = rigWithApp(t)
  const lock = join(rig.folder, 'lock')
  const line = `exec 9>"$1" 20>"$1" 200>"$1"; shift; "$@"`
  const bin = fileURLToPath(import.meta.resolve('handover/bin'))
  const start = [process.execPath, bin, 'start', 'app.cjs', '-p', String(await freePort()), '--name', 'test']
  const env = { ...process.env, HANDOVER_HOME: rig.home }
  execFileSync('bash', ['-c', line, 'bash', lock, ...start], { cwd: rig.folder, env, stdio: 'pipe' })
  const { supervisor, services } = await rig.status()
  for (const pid of [supervisor.pid, services[0]?.instances[0]?.pid]) {
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
    assert.ok(!open.includes(lock), `process ${pid}: ${open.join(' ')}`)
  }
})
