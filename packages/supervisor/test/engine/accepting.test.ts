import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { FakeMachine } from '@handover/testkit'
import { fakeMachine } from '@handover/testkit'
import type { Engine } from '../../dist/engine/index.js'
import { createEngine } from '../../dist/engine/index.js'
import type { ProbeSpec, ServiceSpec } from '../../dist/model/index.js'
import { spec } from './spec.js'

const probe = (handler: ProbeSpec['handler']): ProbeSpec => ({
  handler,
  initialDelaySeconds: 0,
  periodSeconds: 1,
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: 1,
})

const httpGet = probe({ type: 'httpGet', path: '/', port: 'http', scheme: 'HTTP', httpHeaders: [] })
const exec = probe({ type: 'exec', command: ['curl', '-f', 'localhost:3000'] })

interface Stage {
  machine: FakeMachine
  engine: Engine
  /** Gives the probe's verdict on an instance. */
  judge(instance: string, healthy: boolean, reason?: string): void
  /** What each instance was told last. */
  told(): Record<string, boolean | undefined>
}

function stage(journaled: FakeMachine['journaled'] = [], surviving: string[] = []): Stage {
  const machine = fakeMachine(journaled, surviving)
  const verdicts = new Map<string, (healthy: boolean, reason: string) => void>()
  machine.prober.start = (target, _probe, onVerdict, onTry) => {
    verdicts.set(target.instance, (healthy, reason) => {
      onTry?.(healthy, reason)
      onVerdict(healthy, reason)
    })
    return () => {}
  }
  return {
    machine,
    engine: createEngine(machine),
    judge: (instance, healthy, reason = 'GET / answered 503') => verdicts.get(instance)?.(healthy, reason),
    told: () =>
      Object.fromEntries([...machine.living].map(([id, { accepting }]) => [id, accepting] as const)),
  }
}

/** Starts instances, which are ready. */
async function serving(service: ServiceSpec): Promise<Stage> {
  const started = stage()
  started.engine.apply(service, 'start')
  for (let instance = 1; instance <= service.replicas; instance++) {
    await turn()
    started.machine.living.get(`web-${instance}`)?.observer.ready()
    started.judge(`web-${instance}`, true)
  }
  assert.equal(started.engine.service('web')?.state.stable, 1)
  return started
}

test('an instance with a probe waits until it is told, one without accepts when it is ready', async () => {
  for (const [readinessProbe, accept] of [
    [httpGet, 'told'],
    [undefined, 'ready'],
  ] as const) {
    const { machine, engine } = stage()
    engine.apply(spec({ replicas: 1, ...(readinessProbe && { readinessProbe }) }), 'start')
    await turn()
    assert.equal(machine.living.get('web-1')?.order.accept, accept)
  }
})

test('an instance that starts accepts when its probe succeeds', async () => {
  const { machine, engine, judge, told } = stage()
  engine.apply(spec({ replicas: 1, readinessProbe: httpGet }), 'start')
  await turn()
  machine.living.get('web-1')?.observer.ready()
  judge('web-1', false)
  assert.deepEqual(told(), { 'web-1': false })
  judge('web-1', true)
  assert.deepEqual(told(), { 'web-1': true })
})

test('an instance whose probe may use the queue accepts when it says that it is ready, unless another one is', async () => {
  const { machine, engine, judge, told } = stage()
  const service = spec({ replicas: 1, readinessProbe: exec })
  engine.apply(service, 'start')
  await turn()
  assert.deepEqual(told(), { 'web-1': false })
  machine.living.get('web-1')?.observer.ready()
  assert.deepEqual(told(), { 'web-1': true })
  judge('web-1', true)
  engine.apply(service, 'upgrade')
  await turn()
  machine.living.get('web-2')?.observer.ready()
  assert.deepEqual(told(), { 'web-1': true, 'web-2': false })
})

test('an unready instance leaves new connections to ready ones, and accepts when none is ready', async () => {
  const { machine, engine, judge, told } = await serving(spec({ replicas: 2, readinessProbe: httpGet }))
  judge('web-1', false)
  assert.deepEqual(told(), { 'web-1': false, 'web-2': true })
  const [before] = engine.explain('web')
  assert.match(
    before ?? '',
    /^web-1 of revision 1 has not been ready for .* s: GET \/ answered 503; it may still accept/,
  )
  machine.living.get('web-1')?.observer.accepting(false)
  assert.match(
    engine.explain('web')[0] ?? '',
    /; it accepts no new connections while another instance is ready$/,
  )
  judge('web-2', false)
  assert.deepEqual(told(), { 'web-1': true, 'web-2': true })
  for (const sentence of engine.explain('web'))
    assert.match(sentence, /; no instance is ready, so it accepts/)
  judge('web-2', true)
  assert.deepEqual(told(), { 'web-1': false, 'web-2': true })
  judge('web-1', true)
  assert.deepEqual(told(), { 'web-1': true, 'web-2': true })
})

test('a receipt has the times in which an instance was not ready, and whether it left connections to others', async () => {
  const service = spec({ replicas: 2, readinessProbe: httpGet })
  const { machine, engine, judge } = await serving(service)
  engine.apply(service, 'upgrade')
  await turn()
  machine.clock.advance(1000)
  judge('web-1', false)
  machine.living.get('web-1')?.observer.accepting(false)
  machine.clock.advance(500)
  judge('web-1', true)
  machine.living.get('web-1')?.observer.accepting(true)
  for (const id of ['web-3', 'web-4']) {
    await turn()
    machine.living.get(id)?.observer.ready()
    judge(id, true)
  }
  for (const id of ['web-1', 'web-2']) machine.living.get(id)?.observer.stoppedAccepting()
  const receipt = engine.service('web')?.receipt
  assert.deepEqual(receipt?.instances.find(({ id }) => id === 'web-1')?.unready, [
    { afterMs: 1000, ms: 500, reason: 'GET / answered 503', leftConnections: true },
  ])
  assert.equal(receipt?.instances.find(({ id }) => id === 'web-2')?.unready, undefined)
})

test('a supervisor that takes over tells each instance whether it accepts', async () => {
  const service = spec({ replicas: 2, readinessProbe: httpGet })
  const first = await serving(service)
  first.judge('web-1', false)
  first.engine.apply(service, 'upgrade')
  await turn()
  const second = stage(first.machine.journaled, ['web-1', 'web-2', 'web-3'])
  assert.deepEqual(await second.engine.restore(), { ok: true, value: true })
  await turn()
  assert.deepEqual(second.told(), { 'web-1': false, 'web-2': true, 'web-3': false })
  second.machine.living.get('web-3')?.observer.ready()
  second.judge('web-3', true)
  assert.equal(second.told()['web-3'], true)
})

test('explain() says what an instance listens on, what it has not asked for and what it waits for', async () => {
  const { machine, engine, judge } = stage()
  const http = { type: 'tcp' as const, host: '::', port: 3000, backlog: 1 }
  const listen = { http, admin: { ...http, port: 3001 } }
  engine.apply(spec({ replicas: 1, listen, readinessProbe: httpGet }), 'start')
  await turn()
  const sentence = () => (engine.explain('web')[0] ?? '').replace(/^.* after its start: /, '')
  const observer = machine.living.get('web-1')?.observer ?? assert.fail('it was not started')
  observer.progress({ listening: [], calls: true })
  assert.equal(
    sentence(),
    'it listens nowhere; no server has asked for http ("http") and admin ("admin"); ' +
      'it waits for ready() (not called) and its readiness probe (no result yet)',
  )
  observer.progress({
    listening: [{ address: '[::]:3000', listener: 'http' }, { address: '[::]:9000' }],
    calls: true,
  })
  observer.ready()
  judge('web-1', false)
  assert.equal(
    sentence(),
    'it listens on [::]:3000 ("http") and [::]:9000; no server has asked for admin ("admin"); ' +
      'it waits for its readiness probe (GET / answered 503)',
  )
})

test('a rollout without progress fails with what its instance listens on and waits for', async () => {
  const service = spec({ replicas: 1, readinessProbe: httpGet })
  const { machine, engine, judge } = await serving(service)
  engine.apply(service, 'upgrade')
  await turn()
  const observer = machine.living.get('web-2')?.observer
  observer?.progress({ listening: [{ address: '[::]:3000', listener: 'http' }], calls: false })
  observer?.ready()
  judge('web-2', false)
  machine.clock.advance(60_000)
  const { failure = null } = engine.service('web')?.state.rollout ?? {}
  assert.equal(
    failure?.message,
    'revision 2 made no progress for 60 s: 0 of 1 instances available, web-2 is not ready 60 s after its start ' +
      '(it listens on [::]:3000 ("http"); it waits for its readiness probe (GET / answered 503))',
  )
})
