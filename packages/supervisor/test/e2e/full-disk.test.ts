import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Rig, SmallDisk } from '@handover/testkit'
import { openRig, openSmallDisk, smallDiskUnavailable, until } from '@handover/testkit'
import type { Event, ServiceStatus } from 'handover/model'
import type { Load } from '../../dist/verify/index.js'
import { loadFor } from '../load.js'
import { startService } from './upgrade-load.js'

const skip = smallDiskUnavailable() ?? false

test('a full disk holds up no upgrade, and the journal catches up, in order', { skip }, async (t) => {
  const { rig, disk, load } = await serving(t)
  disk.fill()
  const upgrade = await rig.handover('upgrade', '--wait', 'drained')
  assert.equal(upgrade.code, 0, upgrade.stderr)
  assert.match(upgrade.stderr, /^warning: the journal ".*" cannot be written: no space left on device/m)
  const backlog = (await rig.status()).supervisor.journalBacklog
  assert.ok(backlog && backlog.events > 5, JSON.stringify(backlog))
  assert.match(
    (await rig.handover('status')).stdout,
    /^warning: the journal .* events of the last .* in memory only/m,
  )
  const before = await web(rig)
  process.kill(before.instances[0]?.pid ?? 0, 'SIGTERM')
  await until(
    async () => (await web(rig)).instances.some(({ restarts }) => restarts === 1),
    'it was restarted',
  )

  disk.free()
  await caughtUp(rig)
  assert.equal((await rig.upgrade('--wait', 'drained')).code, 0)
  const lines = readFileSync(disk.outside(join(rig.home, 'test/journal.jsonl')), 'utf8')
    .trim()
    .split('\n')
  const events = lines.map((line) => JSON.parse(line) as Event)
  assert.deepEqual(
    events
      .filter(({ type }) => type === 'RolloutCompleted' || type === 'InstanceStarted')
      .map(({ type }) => type[0]),
    [...'IIRIIRIIIR'],
  )
  const log = supervisorLog(rig, disk)
  assert.equal(log.match(/services and upgrades continue/g)?.length, 1, log)
  assert.equal(log.match(/the journal is complete again/g)?.length, 1, log)
  await assertAdopted(rig)
  assertFlawless(await load.stop())
})

test('a supervisor that is killed on a full disk loses nothing of what it did there', { skip }, async (t) => {
  const { rig, disk, load } = await serving(t)
  disk.fill()
  for (let round = 0; round < 2; round++) {
    assert.equal((await rig.upgrade('--wait', 'drained')).code, 0)
    assert.ok((await rig.status()).supervisor.journalBacklog)
    process.kill((await rig.status()).supervisor.pid, 'SIGUSR1') // There is no room for a new log.
    await assertAdopted(rig)
  }
  disk.free()
  await caughtUp(rig)
  await assertAdopted(rig)
  assertFlawless(await load.stop())
})

test('a supervisor that starts on a full disk adopts the instances', { skip }, async (t) => {
  const { rig, disk, load } = await serving(t)
  disk.fill()
  await assertAdopted(rig)
  assert.equal((await rig.upgrade('--wait', 'drained')).code, 0)
  disk.free()
  await caughtUp(rig)
  await assertAdopted(rig)
  assertFlawless(await load.stop())
})

test(
  'without room for another file an upgrade fails and names the reason, and is tried again later',
  { skip },
  async (t) => {
    const { rig, disk, load } = await serving(t)
    disk.fillWithFiles()
    const refused = await rig.handover('upgrade')
    assert.equal(refused.code, 3, refused.stderr)
    assert.match(refused.stderr, /no space left on device/)
    disk.free()
    assert.equal((await rig.upgrade('--wait', 'drained')).code, 0)
    await assertAdopted(rig)
    assertFlawless(await load.stop())
  },
)

async function serving(t: TestContext): Promise<{ rig: Rig; disk: SmallDisk; load: Load }> {
  const disk = await openSmallDisk()
  const rig = openRig({ disk })
  t.after(async () => {
    await rig.close()
    await disk.close()
  })
  const port = await startService(rig, 'hello.cjs')
  const load = loadFor(t, {
    target: { host: '127.0.0.1', port },
    path: '/',
    workloads: { keepAlive: [{ connections: 10, thinkMs: [0, 200] }] },
  })
  return { rig, disk, load }
}

async function web(rig: Rig): Promise<ServiceStatus> {
  const { services } = await rig.status()
  return services[0] ?? assert.fail('the service is not there')
}

const pids = ({ instances }: ServiceStatus) => instances.map(({ pid }) => pid)

const caughtUp = (rig: Rig): Promise<void> =>
  until(async () => !(await rig.status()).supervisor.journalBacklog, 'the journal has caught up')

/** Kills the supervisor, and starts another one, which has to find everything. */
async function assertAdopted(rig: Rig): Promise<void> {
  const { supervisor, services } = await rig.status()
  process.kill(supervisor.pid, 'SIGKILL')
  await until(() => !existsSync(`/proc/${supervisor.pid}/exe`), 'the supervisor is gone')
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  const after = await web(rig)
  assert.deepEqual([after.revision, pids(after)], [services[0]?.revision, services[0] && pids(services[0])])
}

const supervisorLog = ({ home }: Rig, disk: SmallDisk): string =>
  readFileSync(disk.outside(join(home, 'test/logs/supervisor.log')), 'utf8')

function assertFlawless({ answered, failed, failures }: Awaited<ReturnType<Load['stop']>>): void {
  assert.ok(answered > 0)
  assert.equal(failed, 0, JSON.stringify(failures.slice(0, 5), null, 2))
}
