import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  symlinkSync,
  mkdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Status } from 'handover/model'
import type { Rig } from '@handover/testkit'
import { freePort, openRig, until } from '@handover/testkit'

const hello = fileURLToPath(new URL('../../test/fixtures/apps/hello.cjs', import.meta.url))

interface Services {
  [name: string]: { port: number; replicas?: number; cwd?: string; extra?: string }
}

const yaml = (services: Services): string =>
  `services:\n${Object.entries(services)
    .map(
      ([name, { port, replicas = 1, cwd = '.', extra = '' }]) =>
        `  ${name}:\n    command: [node, app.cjs]\n    cwd: ${cwd}\n    replicas: ${replicas}\n    listen: { http: ${port} }\n${extra}`,
    )
    .join('')}`

async function twoServices(t: TestContext): Promise<{ rig: Rig; config: string; services: Services }> {
  const rig = openRig()
  t.after(() => rig.close())
  return { rig, ...(await startTwo(rig)) }
}

/** Two services from one configuration file, in the background. */
async function startTwo(rig: Rig): Promise<{ config: string; services: Services }> {
  copyFileSync(hello, join(rig.folder, 'app.cjs'))
  const services = { web: { port: await freePort() }, api: { port: await freePort() } }
  const config = join(rig.folder, 'handover.config.yaml')
  writeFileSync(config, yaml(services))
  const { code, stderr } = await rig.handover('start')
  assert.equal(code, 0, stderr)
  return { config, services }
}

const revisions = ({ services }: Status) =>
  Object.fromEntries(services.map(({ name, revision }) => [name, revision]))

/** Resolves with the first status that holds; no event reports that a signal's work is done. */
async function statusWhen(rig: Rig, holds: (status: Status) => boolean): Promise<Status> {
  let status = await rig.status()
  const look = async () => holds((status = await rig.status()))
  await until(look, () => `${String(holds)}; ${JSON.stringify(status, null, 2)}`)
  return status
}

const settled = ({ services }: Status) =>
  services.every(({ rollout, available, replicas }) => rollout === null && available === replicas)

/** Whether no instance of an earlier upgrade is left, which could exit between two looks. */
const quiet = (status: Status) =>
  settled(status) &&
  status.services.every(({ instances }) => instances.every(({ state }) => state !== 'draining'))

describe('with two services', () => {
  const rig = openRig()
  let services: Services = {}
  let config = ''
  before(async () => ({ services, config } = await startTwo(rig)))
  beforeEach(() => writeFileSync(config, yaml(services)))
  after(() => rig.close())

  const revisionsNow = async () => {
    const { web = 0, api = 0 } = revisions(await rig.status())
    return { web, api }
  }

  test('upgrade rolls only the named service when there are several', async () => {
    const { web, api } = await revisionsNow()
    assert.equal((await rig.upgrade('web')).code, 0)
    assert.deepEqual(revisions(await rig.status()), { web: web + 1, api })
  })

  test('SIGUSR2 upgrades every service', async () => {
    const { web, api } = await revisionsNow()
    process.kill((await rig.status()).supervisor.pid, 'SIGUSR2')
    const after = await statusWhen(rig, (status) => settled(status) && revisions(status).web === web + 1)
    assert.deepEqual(revisions(after), { web: web + 1, api: api + 1 })
  })

  test('SIGHUP and upgrade keep what runs when the configuration has an error', async () => {
    const before = await statusWhen(rig, quiet)
    writeFileSync(config, yaml(services).replace('replicas', 'replicsa'))
    const { code, stderr } = await rig.handover('upgrade')
    assert.equal(code, 2)
    assert.match(
      stderr,
      /handover\.config\.yaml.*services\.web has no field "replicsa", did you mean "replicas"/,
    )
    process.kill(before.supervisor.pid, 'SIGHUP')
    const reloaded = await rig.handover('reload')
    assert.equal(reloaded.code, 2)
    const pids = ({ services }: Status) =>
      services.flatMap(({ instances }) => instances.map(({ pid }) => pid))
    assert.deepEqual(pids(await rig.status()), pids(before))
  })

  test('SIGUSR1 reopens the log when it was moved away', async () => {
    const log = join(rig.home, 'test', 'logs', 'supervisor.log')
    renameSync(log, `${log}.1`)
    process.kill((await rig.status()).supervisor.pid, 'SIGUSR1')
    await until(() => existsSync(log), 'the log is there')
    assert.equal((await rig.upgrade('web')).code, 0)
    assert.match(readFileSync(log, 'utf8'), /web: rollout complete/)
  })
})

test('SIGHUP rolls changed services, starts new ones and stops removed ones', async (t) => {
  const { rig, config, services } = await twoServices(t)
  const { web } = services
  const next = { web: { ...web!, replicas: 2 }, more: { port: await freePort() } }
  writeFileSync(config, yaml(next))
  process.kill((await rig.status()).supervisor.pid, 'SIGHUP')
  const after = await statusWhen(
    rig,
    (status) => settled(status) && !('api' in revisions(status)) && 'more' in revisions(status),
  )
  assert.deepEqual(revisions(after), { web: 2, more: 1 })
  assert.equal(after.services.find(({ name }) => name === 'web')?.ready, 2)
})

test('undo starts the old release again when current is a link that was switched', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  for (const release of ['1', '2']) {
    mkdirSync(join(rig.folder, release))
    const source = `require('node:http').createServer((q, r) => r.end('release ${release}')).listen(process.env.PORT)`
    writeFileSync(join(rig.folder, release, 'app.cjs'), source)
  }
  const current = join(rig.folder, 'current')
  const port = await freePort()
  symlinkSync('1', current)
  writeFileSync(join(rig.folder, 'handover.config.yaml'), yaml({ web: { port, cwd: './current' } }))
  assert.equal((await rig.handover('start')).code, 0)
  const answer = async () =>
    (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text()
  assert.equal(await answer(), 'release 1')

  rmSync(current)
  symlinkSync('2', current)
  assert.equal((await rig.upgrade()).code, 0)
  assert.equal(await answer(), 'release 2')
  assert.equal((await rig.handover('undo')).code, 0)
  assert.equal(await answer(), 'release 1')
})

test('status --watch and logs -f show what happens next', async (t) => {
  const { rig } = await twoServices(t)
  const watching = rig.spawn('status', '--watch', '--json')
  const following = rig.spawn('logs', '-f', 'web')
  const [first] = (await once(watching.stdout!, 'data')) as [Buffer]
  assert.deepEqual(revisions(JSON.parse(String(first).split('\n')[0] ?? '') as Status), { web: 1, api: 1 })
  let seen = ''
  watching.stdout?.on('data', (chunk) => (seen += String(chunk)))
  const app = readFileSync(hello, 'utf8')
  writeFileSync(join(rig.folder, 'app.cjs'), `console.log('hello from the next release')\n${app}`)
  const line = once(following.stdout!, 'data') as Promise<[Buffer]>
  assert.equal((await rig.upgrade('web')).code, 0)
  assert.match(String((await line)[0]), /^web-2 \| hello from the next release$/m)
  while (!seen.includes('"revision":2')) await once(watching.stdout!, 'data')
})
