import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { FakeMachine } from '@handover/testkit'
import { fakeMachine } from '@handover/testkit'
import type { Engine } from '../../dist/engine/index.js'
import { createEngine } from '../../dist/engine/index.js'
import { failed } from '../../dist/model/index.js'
import { figures, spec } from './spec.js'

/** Starts the service in its first revision. */
async function running(machine: FakeMachine, service = spec()): Promise<Engine> {
  const engine = createEngine(machine)
  assert.deepEqual(engine.apply(service, 'start'), { ok: true, value: true })
  await turn()
  for (const { observer } of machine.living.values()) observer.ready()
  assert.equal(engine.service('web')?.state.stable, 1)
  return engine
}

test('createEngine() journals the intent before it acts when an instance is started', async () => {
  const machine = fakeMachine()
  await running(machine)
  const intent = machine.log.indexOf('journal InstanceStarting')
  assert.ok(intent !== -1 && intent < machine.log.indexOf('launch web-1'), machine.log.join('\n'))
})

test('createEngine() drains the old instance only after the new one is ready when a service is upgraded', async () => {
  const machine = fakeMachine()
  const engine = await running(machine)
  engine.apply(spec(), 'upgrade')
  await turn()
  assert.deepEqual(machine.living.get('web-1')?.signals, [])
  machine.living.get('web-2')?.observer.ready()
  assert.deepEqual(machine.living.get('web-1')?.signals, ['drain'])
  assert.equal(engine.service('web')?.receipt, null)
  machine.living.get('web-1')?.observer.stoppedAccepting()
  const receipt = engine.service('web')?.receipt
  assert.equal(receipt?.outcome, 'complete')
  assert.deepEqual(
    receipt?.instances.map(({ id, side }) => `${id} ${side}`),
    ['web-1 old', 'web-2 new'],
  )
})

test('createEngine() sends draining instances the list of ready successors whenever it changes', async () => {
  const machine = fakeMachine()
  const engine = await running(machine, spec({ replicas: 2 }))
  const successors = (id: string) => machine.living.get(id)?.successors
  engine.apply(spec({ replicas: 2 }), 'upgrade')
  await turn()
  machine.living.get('web-3')?.observer.ready()
  await turn()
  assert.deepEqual([successors('web-1'), successors('web-2')], [['web-3'], []])
  machine.living.get('web-4')?.observer.ready()
  assert.deepEqual(
    [successors('web-1'), successors('web-2')],
    [
      ['web-3', 'web-4'],
      ['web-3', 'web-4'],
    ],
  )
  machine.living.get('web-3')?.exit({ code: 1, signal: null })
  assert.deepEqual(successors('web-1'), ['web-4'])
})

test('createEngine() leaves a successor off the list when it has failed its liveness probe', async () => {
  const machine = fakeMachine()
  await running(machine, spec({ replicas: 3 }))
  for (const id of ['web-1', 'web-2']) machine.living.get(id)?.observer.unhealthy('it hangs')
  await turn()
  machine.living.get('web-4')?.observer.ready()
  assert.deepEqual(machine.living.get('web-1')?.successors, ['web-3', 'web-4'])
})

test('createEngine() replaces an instance above its memory limit, and no longer measures it', async () => {
  const machine = fakeMachine()
  const engine = await running(machine, spec({ maxMemory: 300 * 2 ** 20 }))
  const pid = (id: string) => machine.living.get(id)?.pid ?? 0
  const measure = (id: string, bytes: number) => machine.gauges.get(pid(id))?.(bytes)
  measure('web-1', 300 * 2 ** 20)
  assert.equal(machine.living.size, 1)
  measure('web-1', 312.4 * 2 ** 20)
  measure('web-1', 400 * 2 ** 20)
  await turn()
  assert.match(
    engine.explain('web')[0] ?? '',
    /^web-1 of revision 1 uses 312.4 MiB, more than maxMemory \(300 MiB\), /,
  )
  assert.deepEqual(machine.living.get('web-1')?.signals, [])
  machine.living.get('web-2')?.observer.ready()
  assert.deepEqual(machine.living.get('web-1')?.signals, ['drain'])
  assert.deepEqual([...machine.gauges.keys()], [pid('web-2')])
  const { length } = machine.journaled
  measure('web-2', 400 * 2 ** 20)
  assert.equal(machine.journaled.length, length, 'too soon after its predecessor')
  machine.clock.advance(10_000)
  measure('web-2', 400 * 2 ** 20)
  assert.equal(machine.journaled[length]?.type, 'InstanceExceededMemory')
})

test('createEngine() does not measure an instance without a memory limit', async () => {
  const machine = fakeMachine()
  await running(machine)
  assert.equal(machine.gauges.size, 0)
})

test('createEngine() sends no successors when everything stops', async () => {
  const machine = fakeMachine()
  const engine = await running(machine, spec({ replicas: 2 }))
  engine.command('web', { type: 'Stop' })
  assert.deepEqual(
    [...machine.living.values()].map(({ successors }) => successors),
    [[], []],
  )
})

test('createEngine() opens each listener once and keeps it when revisions change', async () => {
  const machine = fakeMachine()
  const engine = await running(machine)
  engine.apply(spec(), 'upgrade')
  await turn()
  machine.living.get('web-2')?.observer.ready()
  machine.living.get('web-1')?.observer.stoppedAccepting()
  machine.living.get('web-1')?.exit()
  assert.deepEqual(
    machine.log.filter((line) => /^(listen|close)/.test(line)),
    ['listen http'],
  )
})

test('createEngine() closes a listener that the new revision does not have when the old one has ended', async () => {
  const machine = fakeMachine()
  const engine = await running(
    machine,
    spec({ listen: { ...spec().listen, old: { type: 'tcp', host: '::', port: 1, backlog: 1 } } }),
  )
  engine.apply(spec(), 'upgrade')
  await turn()
  machine.living.get('web-2')?.observer.ready()
  machine.living.get('web-1')?.observer.stoppedAccepting()
  machine.living.get('web-1')?.exit()
  assert.deepEqual(
    engine.service('web')?.listeners.map(({ name }) => name),
    ['http'],
  )
})

test('createEngine() kills an instance when its grace period is over', async () => {
  const machine = fakeMachine()
  const engine = await running(machine)
  engine.command('web', { type: 'Stop' })
  machine.clock.advance(29_999)
  assert.deepEqual(machine.living.get('web-1')?.signals, ['drain'])
  machine.clock.advance(1)
  assert.deepEqual(machine.living.get('web-1')?.signals, ['drain', 'kill'])
})

test('createEngine() refuses a new service when its program does not exist', () => {
  const machine = fakeMachine()
  machine.refusal = failed('CannotStart', 'command "nope" was not found')
  const answer = createEngine(machine).apply(spec(), 'start')
  assert.deepEqual(answer, failed('Usage', 'service "web": command "nope" was not found'))
  assert.deepEqual(machine.log, [])
})

test('createEngine() rolls back when a running service is upgraded to a program that does not exist', async () => {
  const machine = fakeMachine()
  const engine = await running(machine)
  machine.refusal = failed('CannotStart', 'command "nope" was not found')
  assert.equal(engine.apply(spec(), 'upgrade').ok, true)
  const receipt = engine.service('web')?.receipt
  assert.equal(receipt?.outcome, 'rolled-back')
  assert.match(receipt?.failure?.message ?? '', /"nope" was not found/)
  assert.deepEqual(machine.living.get('web-1')?.signals, [])
})

test('createEngine() keeps figures out of the journal when an instance reports them', async () => {
  const machine = fakeMachine()
  const engine = await running(machine)
  const before = machine.journaled.length
  machine.living.get('web-1')?.observer.status('busy')
  assert.equal(machine.journaled.length, before)
  assert.equal(engine.service('web')?.texts.get('web-1'), 'busy')
})

test('createEngine() keeps the figures of the new instance at the end of its rollout while the old one drains', async () => {
  const machine = fakeMachine()
  const engine = await running(machine)
  engine.apply(spec(), 'upgrade')
  await turn()
  const [old, fresh] = ['web-1', 'web-2'].map((id) => machine.living.get(id)?.observer)
  fresh?.account(figures)
  fresh?.ready()
  old?.stoppedAccepting()
  const accounts = () => engine.service('web')?.receipt?.instances.map(({ account }) => account)
  assert.deepEqual(accounts(), [null, figures])
  fresh?.account({ ...figures, answered: 50 })
  old?.account({ ...figures, answered: 60 })
  assert.deepEqual(accounts(), [{ ...figures, answered: 60 }, figures])
  assert.deepEqual(
    engine
      .history('web')
      .at(-1)
      ?.receipts[0]?.instances.map(({ account }) => account),
    accounts(),
  )
})
