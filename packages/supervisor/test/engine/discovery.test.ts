import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { fakeMachine, specOf } from '@handover/testkit'
import type { FakeMachine } from '@handover/testkit'
import { createEngine } from '../../dist/engine/index.js'
import type { Engine } from '../../dist/engine/index.js'
import type { ServiceSpec } from '../../dist/model/index.js'
import { failed } from '../../dist/model/index.js'

const unlisted = (more: Partial<ServiceSpec> = {}) => specOf({ replicas: 2, ...more })

const at = (machine: FakeMachine, id: string) =>
  machine.living.get(id)?.observer ?? assert.fail(`${id} is not alive`)

/** What the library of an instance reports: it has bound these and uses those of its inherited listeners. */
function becomesReady(
  machine: FakeMachine,
  id: string,
  { bound = {}, adopted = [] }: { bound?: Record<string, number>; adopted?: string[] } = {},
): void {
  const pid = machine.living.get(id)?.pid ?? 0
  const sockets = Object.entries(bound).map(([name, fd]) => ({ name, pid, fd }))
  if (sockets.length > 0) at(machine, id).bound(sockets)
  at(machine, id).adopted(adopted)
  at(machine, id).ready()
}

const names = (engine: Engine) => engine.service('web')?.listeners.map(({ name }) => name)
const launches = (machine: FakeMachine) => machine.log.filter((line) => line.startsWith('launch'))
const given = (machine: FakeMachine, id: string) =>
  machine.living.get(id)?.order.listeners.map(({ name }) => name)

/** A service of two instances whose first one has bound `http` on port 3000. */
async function serving(machine: FakeMachine, spec = unlisted()): Promise<Engine> {
  const engine = createEngine(machine)
  engine.apply(spec, 'start')
  await turn()
  becomesReady(machine, 'web-1', { bound: { http: 3000 } })
  await turn()
  becomesReady(machine, 'web-2', { adopted: ['http'] })
  assert.equal(engine.service('web')?.state.stable, 1)
  return engine
}

/** Rolls to another revision, whose two instances report this. */
async function upgraded(
  machine: FakeMachine,
  engine: Engine,
  [first, second]: [string, string],
  report: Parameters<typeof becomesReady>[2],
  later = report,
): Promise<void> {
  const old = [...machine.living.keys()].filter((id) => id !== first)
  await turn()
  becomesReady(machine, first, report)
  await turn()
  becomesReady(machine, second, later)
  for (const id of old) at(machine, id).stoppedAccepting()
  for (const id of old) machine.living.get(id)?.exit()
  assert.equal(engine.service('web')?.state.rollout, null)
}

test('the first instance of a service without known listeners starts alone, and the others get what it has bound', async () => {
  const machine = fakeMachine()
  const engine = createEngine(machine)
  engine.apply(unlisted({ replicas: 3 }), 'start')
  await turn()
  assert.deepEqual(launches(machine), ['launch web-1'])
  assert.equal(machine.living.get('web-1')?.order.discover, 'new')
  assert.equal(
    engine.explain('web')[0],
    '2 other instances start once the first one is ready: it is not known yet what the application listens on',
  )
  becomesReady(machine, 'web-1', { bound: { http: 3000, 'tcp-9090': 9090 } })
  await turn()
  assert.deepEqual(launches(machine), ['launch web-1', 'launch web-2', 'launch web-3'])
  assert.deepEqual(given(machine, 'web-3'), ['http', 'tcp-9090'])
  assert.equal(machine.living.get('web-3')?.order.discover, 'known')
  assert.deepEqual(
    engine.service('web')?.listeners.map(({ name, discovered }) => [name, discovered]),
    [
      ['http', true],
      ['tcp-9090', true],
    ],
  )
  const event = machine.journaled.find(({ type }) => type === 'ListenersChanged')
  assert.deepEqual(
    event?.type === 'ListenersChanged' && event.listeners.map(({ inode }) => inode),
    [3000, 9090],
  )
})

test('the first instance does not start alone when a listener is configured, and when nothing is discovered', async () => {
  const listen = { http: { type: 'tcp' as const, host: '::', port: 3000, backlog: 511 } }
  for (const spec of [unlisted({ listen }), unlisted({ discover: false })]) {
    const machine = fakeMachine()
    createEngine(machine).apply(spec, 'start')
    await turn()
    assert.deepEqual(launches(machine), ['launch web-1', 'launch web-2'])
  }
})

test('an instance that crashes before it listens is started again alone', async () => {
  const machine = fakeMachine()
  createEngine(machine).apply(unlisted(), 'start')
  await turn()
  machine.living.get('web-1')?.exit({ code: 1, signal: null })
  machine.clock.advance(20_000)
  await turn()
  assert.deepEqual(launches(machine), ['launch web-1', 'launch web-1'])
})

test('instances that are added during a rollout get what was discovered', async () => {
  const machine = fakeMachine()
  const engine = await serving(machine)
  engine.apply(unlisted(), 'upgrade')
  await turn()
  engine.command('web', { type: 'Scale', replicas: 4 })
  await turn()
  assert.deepEqual(given(machine, 'web-3'), ['http'])
  assert.ok(machine.living.size > 3)
  assert.deepEqual(
    [...machine.living.keys()].slice(3).map((id) => given(machine, id)),
    [...machine.living.keys()].slice(3).map(() => ['http']),
  )
})

test('two instances that bind the same address at the same time share the listener of the first', async () => {
  const machine = fakeMachine()
  const engine = await serving(machine)
  machine.ports.set(71, 4000).set(72, 4000)
  for (const [id, fd] of [
    ['web-1', 71],
    ['web-2', 72],
  ] as const)
    at(machine, id).bound([{ name: 'tcp-4000', pid: 1, fd }])
  assert.deepEqual(names(engine), ['http', 'tcp-4000'])
  assert.equal(machine.log.filter((line) => line === 'close tcp-4000').length, 1)
})

test('two instances whose listeners have the same name, but other addresses, get two names', async () => {
  const machine = fakeMachine()
  const engine = await serving(machine)
  at(machine, 'web-1').bound([{ name: 'http', pid: 1, fd: 4000 }])
  at(machine, 'web-2').bound([{ name: 'http', pid: 2, fd: 4001 }])
  assert.deepEqual(names(engine), ['http', 'tcp-4000', 'tcp-4001'])
})

test('what an instance has bound is reported in the log, and a socket that cannot be taken in its status', async () => {
  const machine = fakeMachine()
  const { take } = machine.sockets
  machine.sockets.take = () => failed('Refused', 'listener "http" of process 1 cannot be copied: EPERM')
  const engine = createEngine(machine)
  engine.apply(unlisted({ replicas: 1 }), 'start')
  await turn()
  at(machine, 'web-1').bound([{ name: 'http', pid: 1, fd: 3000 }])
  assert.match(engine.service('web')?.texts.get('web-1') ?? '', /cannot be copied/)
  machine.sockets.take = take
  at(machine, 'web-1').bound([{ name: 'http', pid: 1, fd: 3000 }])
  const event = machine.journaled.findLast(({ type }) => type === 'ListenersChanged')
  assert.equal(event && 'note' in event && event.note, 'discovered http http, which web-1 listens on')
})

test('nothing is discovered of a service that has turned it off', async () => {
  const machine = fakeMachine()
  const engine = createEngine(machine)
  engine.apply(unlisted({ replicas: 1, discover: false }), 'start')
  await turn()
  assert.equal(machine.living.get('web-1')?.order.discover, undefined)
  becomesReady(machine, 'web-1', { bound: { http: 3000 } })
  assert.deepEqual(names(engine), [])
})

test('a revision that turns discovery off gets only the configured listeners', async () => {
  const machine = fakeMachine()
  const engine = await serving(machine)
  engine.apply(unlisted({ discover: false }), 'upgrade')
  await turn()
  assert.deepEqual(given(machine, 'web-3'), [])
})

test('a configured listener on the address of a discovered one is the same socket', async () => {
  const machine = fakeMachine()
  const engine = await serving(machine)
  engine.apply(unlisted({ listen: { web: { type: 'tcp', host: '::', port: 3000, backlog: 9 } } }), 'upgrade')
  await turn()
  assert.deepEqual(
    machine.log.filter((line) => /^(listen|close)/.test(line)),
    [],
  )
  assert.deepEqual(given(machine, 'web-3'), ['web'])
  assert.deepEqual(
    engine.service('web')?.listeners.map(({ name, inode, discovered }) => [name, inode, discovered]),
    [['web', 3000, undefined]],
  )
})

test('a listener that the new revision does not ask for is closed before the last instance that uses it gets SIGTERM', async () => {
  const machine = fakeMachine()
  const engine = await serving(machine)
  engine.apply(unlisted(), 'upgrade')
  const moved = { bound: { 'tcp-4000': 4000 } }
  await upgraded(machine, engine, ['web-3', 'web-4'], moved, { adopted: ['tcp-4000'] })
  assert.deepEqual(names(engine), ['tcp-4000'])
  assert.deepEqual(
    machine.log.filter((line) => /^(withdraw|close|drain)/.test(line)),
    [
      'drain web-1',
      ...['web-1', 'web-2', 'web-3', 'web-4'].map((id) => `withdraw http from ${id}`),
      'close http',
      'drain web-2',
    ],
  )
  const event = machine.journaled.findLast(({ type }) => type === 'ListenersChanged')
  assert.equal(event && 'note' in event && event.note, 'closed http http: no instance listens on it any more')

  engine.command('web', { type: 'Undo', toRevision: null })
  await upgraded(machine, engine, ['web-5', 'web-6'], { bound: { http: 3000 } }, { adopted: ['http'] })
  assert.deepEqual(names(engine), ['http'])
})

test('a listener in whose queue connections wait stays open until they are gone, for the grace period at most', async () => {
  for (const [empties, openMs] of [
    [true, 5_000],
    [false, 32_000],
  ] as const) {
    const machine = fakeMachine()
    const engine = await serving(machine)
    machine.clock.advance(1_000)
    at(machine, 'web-1').bound([{ name: 'tcp-9090', pid: 1, fd: 9090 }])
    machine.queues.add('tcp-9090')
    engine.apply(unlisted(), 'upgrade')
    await upgraded(machine, engine, ['web-3', 'web-4'], { adopted: ['http'] })
    machine.clock.advance(openMs)
    assert.deepEqual(names(engine), ['http', 'tcp-9090'])
    if (empties) machine.queues.clear()
    machine.clock.advance(2_000)
    assert.deepEqual(names(engine), ['http'])
  }
})

test('a listener that its application binds late is not closed before the next one had time to do so', async () => {
  const machine = fakeMachine()
  const engine = await serving(machine)
  machine.clock.advance(4_000)
  at(machine, 'web-1').bound([{ name: 'tcp-9090', pid: 1, fd: 9090 }])
  engine.apply(unlisted(), 'upgrade')
  await upgraded(machine, engine, ['web-3', 'web-4'], { adopted: ['http'] })
  machine.clock.advance(4_000)
  assert.deepEqual(names(engine), ['http', 'tcp-9090'])
  at(machine, 'web-3').adopted(['http', 'tcp-9090'])
  machine.clock.advance(60_000)
  assert.deepEqual(names(engine), ['http', 'tcp-9090'])
})

test('no discovered listener is closed during a rollout, nor when an instance without the library may use it', async () => {
  const machine = fakeMachine()
  const engine = await serving(machine)
  engine.apply(unlisted(), 'upgrade')
  await turn()
  becomesReady(machine, 'web-3')
  machine.clock.advance(10_000)
  assert.deepEqual(names(engine), ['http'])
  at(machine, 'web-1').stoppedAccepting()
  await turn()
  at(machine, 'web-4').ready() // READY=1
  at(machine, 'web-2').stoppedAccepting()
  assert.equal(engine.service('web')?.state.rollout, null)
  machine.clock.advance(60_000)
  assert.deepEqual(names(engine), ['http'])
})

test('what only a failed revision has bound is closed after the rollback', async () => {
  const machine = fakeMachine()
  const engine = await serving(machine)
  engine.apply(unlisted(), 'upgrade')
  await turn()
  at(machine, 'web-3').bound([{ name: 'tcp-4000', pid: 3, fd: 4000 }])
  machine.living.get('web-3')?.exit({ code: 1, signal: null })
  assert.equal(engine.service('web')?.receipt?.outcome, 'rolled-back')
  machine.clock.advance(1_000)
  assert.deepEqual(names(engine), ['http'])
})

test('restore() takes discovered listeners back from the instances, and closes none of them', async () => {
  const first = fakeMachine()
  await serving(first)
  const machine = fakeMachine(first.journaled, ['web-1', 'web-2'])
  const engine = createEngine(machine)
  await engine.restore()
  await turn()
  assert.ok(machine.log.includes('recover http from 100, 101'), machine.log.join('\n'))
  assert.equal(engine.service('web')?.listeners[0]?.discovered, true)
  machine.clock.advance(60_000)
  assert.deepEqual(names(engine), ['http'])
  becomesReady(machine, 'web-2', { adopted: ['http'] })
  becomesReady(machine, 'web-1', { bound: { http: 3000 } })
  machine.clock.advance(60_000)
  assert.deepEqual(names(engine), ['http'])
  assert.ok(!machine.log.some((line) => line.startsWith('close')))
})

test('restore() leaves a discovered listener to the application when no instance gives it back', async () => {
  const first = fakeMachine()
  await serving(first)
  const machine = fakeMachine(first.journaled, ['web-2'])
  machine.sockets.recover = () => failed('Refused', 'it cannot be taken back')
  const engine = createEngine(machine)
  assert.equal((await engine.restore()).ok, true)
  assert.deepEqual([names(engine), engine.service('web')?.state.listeners], [[], []])
})

test('a discovered listener that only the service manager has kept is used again at the next start', async () => {
  const first = fakeMachine()
  await serving(first)
  const machine = fakeMachine(first.journaled, [])
  const engine = createEngine(machine)
  await engine.restore()
  assert.equal(engine.service('web')?.state.stopped, true)
  engine.apply(unlisted(), 'start')
  await turn()
  assert.ok(machine.log.includes('recover http from '), machine.log.join('\n'))
  assert.deepEqual(launches(machine), ['launch web-3', 'launch web-4'])
  assert.deepEqual(given(machine, 'web-4'), ['http'])
  assert.equal(engine.service('web')?.state.listeners[0]?.discovered, true)
})
