import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Rig } from '@handover/testkit'
import { openRig, until } from '@handover/testkit'
import { loadFor } from '../load.js'

const app = fileURLToPath(new URL('../../test/fixtures/apps/listens.cjs', import.meta.url))

/** Ports that nobody uses at the moment. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** A supervisor, and how to start an application that listens on these ports from its next start on. */
function rigFor(t: TestContext): { rig: Rig; listensOn(...ports: number[]): void } {
  const rig = openRig()
  t.after(() => rig.close())
  return {
    rig,
    listensOn: (...ports) => writeFileSync(join(rig.folder, 'ports.json'), JSON.stringify(ports)),
  }
}

const listeners = async (rig: Rig) => {
  const { services } = await rig.status()
  return services[0]?.listeners.map(({ name, address, discovered }) => ({ name, address, discovered }))
}
const discovered = (name: string, port: number) => ({ name, address: `127.0.0.1:${port}`, discovered: true })

/** Whether the kernel completes a connection. */
const connects = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

const succeeds = async (answer: ReturnType<Rig['handover']>) => {
  const { code, stderr } = await answer
  assert.equal(code, 0, stderr)
}

test('a service without -p loses nothing in upgrades, in an undo, and when its supervisor is killed', async (t) => {
  const { rig, listensOn } = rigFor(t)
  const [web = 0, admin = 0, metrics = 0] = await freePorts(3)
  listensOn(web, admin)
  const start = () => succeeds(rig.handover('start', app, '-i', '2', '--readiness-path', '/'))
  await start()
  const both = [discovered('http', web), discovered(`tcp-${admin}`, admin)]
  assert.deepEqual(await listeners(rig), both)
  const load = loadFor(t, {
    target: { host: '127.0.0.1', port: web },
    path: '/',
    workloads: { keepAlive: [{ connections: 10, thinkMs: [0, 100] }] },
  })
  assert.equal((await rig.upgrade()).code, 0)
  const { supervisor } = await rig.status()
  process.kill(supervisor.pid, 'SIGKILL')
  await until(() => !existsSync(`/proc/${supervisor.pid}/exe`), 'the supervisor is gone')
  await start()
  assert.deepEqual(await listeners(rig), both)
  assert.equal((await rig.upgrade()).code, 0)

  listensOn(web, metrics)
  assert.equal((await rig.upgrade()).code, 0)
  await until(async () => !(await connects(admin)), 'the port that nobody listens on is closed')
  assert.deepEqual(await listeners(rig), [discovered('http', web), discovered(`tcp-${metrics}`, metrics)])
  listensOn(web, admin)
  await succeeds(rig.handover('undo'))
  await until(async () => !(await connects(metrics)), 'the other port is closed')
  assert.deepEqual(await listeners(rig), both)
  assert.equal(await connects(admin), true)

  const report = await load.stop()
  t.diagnostic(`${report.answered} answered, ${report.failed} failed`)
  assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
})

test('a rollout fails with the address that the application asked for, and with who has it', async (t) => {
  const { rig, listensOn } = rigFor(t)
  const [web = 0, other = 0] = await freePorts(2)
  listensOn(other, web)
  await succeeds(rig.handover('start', app, '--no-discover', '-p', `admin=127.0.0.1:${other}`))
  const { code, receipt } = await rig.upgrade()
  assert.equal(code, 3)
  assert.match(
    receipt.failure?.message ?? '',
    new RegExp(
      `: it asked for 127\\.0\\.0\\.1:${web}, which listens-1 listens on; its listeners are admin 127\\.0\\.0\\.1:${other} \\(discover is false\\)$`,
    ),
  )
  await succeeds(rig.handover('stop'))

  listensOn(web)
  const foreign = createServer().listen(web, '127.0.0.1')
  t.after(() => foreign.close())
  await once(foreign, 'listening')
  const first = await rig.handover('start', app)
  assert.notEqual(first.code, 0)
  assert.match(
    first.stderr,
    new RegExp(
      `it asked for 127\\.0\\.0\\.1:${web}, which is in use by \\S+ \\(pid ${process.pid}\\); it has no listener`,
    ),
  )
})
