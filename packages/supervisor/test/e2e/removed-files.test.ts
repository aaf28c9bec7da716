import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Rig } from '@handover/testkit'
import { openRig, until, within } from '@handover/testkit'
import { loadFor } from '../load.js'
import { closedConnections, startService } from './upgrade-load.js'

for (const [what, removed] of [
  ['the run folder', 'test/run'],
  ['the control socket alone', 'test/run/control.sock'],
  ['the sockets of an instance', 'test/run/web-1'],
  ['the whole home', 'test'],
] as const) {
  test(`status and upgrade work, and no connection is closed, after the removal of ${what}`, async (t) => {
    const rig = openRig()
    t.after(() => rig.close())
    const port = await startService(rig, 'hello.cjs')
    const load = loadFor(t, {
      target: { host: '127.0.0.1', port },
      path: '/',
      workloads: { keepAlive: [{ connections: 10, thinkMs: [0, 200] }] },
    })
    const before = await rig.status()
    rmSync(join(rig.home, removed), { recursive: true })
    const status = await rig.handover('status')
    assert.equal(status.code, 0, status.stderr)
    assert.match(status.stdout, new RegExp(`pid ${before.supervisor.pid} `))
    const made = [
      'lock',
      'journal.jsonl',
      'run/control.sock',
      'run/web-1/adopt.sock',
      'run/web-2/notify.sock',
    ]
    for (const file of made)
      await until(() => existsSync(join(rig.home, 'test', file)), `${file} is there again`)
    const { code, receipt, stderr } = await rig.upgrade('--wait', 'drained')
    assert.equal(code, 0, stderr)
    for (const { id, unaccounted } of receipt.instances) assert.equal(unaccounted, 0, id)
    const report = await load.stop()
    assert.equal(report.failed, 0, JSON.stringify(report.failures.slice(0, 5), null, 2))
    assert.equal(closedConnections(report), 0)
  })
}

test('a second supervisor does not start when the lock file was removed', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  await startService(rig, 'hello.cjs')
  const { supervisor } = await rig.status()
  rmSync(join(rig.home, 'test/lock'))
  const second = await rig.handover('start')
  assert.equal(second.code, 2)
  assert.match(second.stderr, new RegExp(`already runs \\(pid ${supervisor.pid} holds`))
  assert.equal((await rig.status()).supervisor.pid, supervisor.pid)
})

test('an uncaught error ends the supervisor with code 70, and the next one adopts everything', async (t) => {
  const preload = fileURLToPath(new URL('../../test/fixtures/fail-on-sigpwr.cjs', import.meta.url))
  const rig = openRig({ env: { NODE_OPTIONS: `--require ${preload}` } })
  t.after(() => rig.close())
  await startService(rig, 'hello.cjs')
  const before = await rig.status()
  process.kill(before.supervisor.pid, 'SIGPWR')
  await until(() => !existsSync(`/proc/${before.supervisor.pid}/exe`), 'the supervisor has ended')
  assert.match(log(rig), /uncaught error, which is a bug of handover: Error: a fault of the test\n +at /)
  assert.match(log(rig), /exit code 70/)
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  assert.deepEqual(pids(await rig.status()), pids(before))
})

const log = ({ home }: Rig): string => readFileSync(join(home, 'test/logs/supervisor.log'), 'utf8')

const pids = ({ services }: Awaited<ReturnType<Rig['status']>>) =>
  services.flatMap(({ instances }) => instances.map(({ pid }) => pid))

test('a unix socket that a cleanup job removes is put back, and one whose folder is gone is bound again', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  const folder = join(rig.home, 'sockets')
  const path = join(folder, 'web.sock')
  mkdirSync(folder)
  const listen = { web: `unix:${path}` }
  await startService(rig, 'both.cjs', { replicas: 1, listen, env: { SOCKET_PATH: path, PORT: '0' } })
  execFileSync('rm', [path])
  await until(() => existsSync(path), 'the socket is there again')
  await answers(path)
  await until(() => log(rig).includes('was removed, and was put back'), 'it is logged')

  execFileSync('rm', ['-r', folder])
  const told = /the file of the listener "[^"]+", \S+web\.sock, was removed and cannot be put back: .*upgrade/
  await until(() => told.test(log(rig)), 'it is logged')
  for (const command of ['status', 'explain']) assert.match((await rig.handover(command)).stdout, told)
  const refused = await rig.handover('upgrade')
  assert.match(refused.stderr, /the folder "[^"]+" does not exist/)
  assert.match((await rig.handover('status')).stdout, told)
  mkdirSync(folder)
  const upgraded = await rig.handover('upgrade', '--wait', 'drained')
  assert.equal(upgraded.code, 0, upgraded.stderr)
  await answers(path)
  assert.doesNotMatch((await rig.handover('status')).stdout, told)
})

async function answers(socketPath: string): Promise<void> {
  const request = get({ socketPath, agent: false })
  const [response] = (await within(once(request, 'response'), 'response')) as [IncomingMessage]
  response.resume()
  assert.equal(response.statusCode, 200)
}
