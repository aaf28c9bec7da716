import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSpec } from '../../dist/model/index.js'
import { receiptOf } from '../../dist/rollout/index.js'
import { playTrace } from './trace.js'
import type { Behaviour, Script } from './simulation.js'
import { good, releases } from './simulation.js'

const inPlace: Partial<ServiceSpec> = { strategy: { type: 'InPlace' } }

const instances = ({ state }: { state: { instances: { id: string; state: string; revision: number }[] } }) =>
  state.instances.map(({ id, state, revision }) => `${id} ${state} ${revision}`)

test('plan() lets each instance execute the new program, one after another, when each is available', () => {
  const simulation = playTrace('in-place', good, (simulation) => {
    simulation.upgrade('v1', { ...inPlace, minReadySeconds: 1 }, 'start')
    simulation.settle()
    simulation.upgrade('v2', { ...inPlace, minReadySeconds: 1 })
    simulation.advance(50)
    simulation.explain()
    simulation.settle()
  })
  assert.deepEqual(instances(simulation), ['web-1 ready 2', 'web-2 ready 2'])
  const pids = simulation.events.filter(({ type }) => type === 'InstanceStarted')
  assert.equal(pids.length, 2)
  const receipt = receiptOf(simulation.events)
  assert.deepEqual(
    receipt?.instances.map(({ id, side, inPlace, revision }) => [id, side, inPlace, revision]),
    [
      ['web-1', 'new', true, 2],
      ['web-2', 'new', true, 2],
    ],
  )
})

const broken: Record<string, { v2: Behaviour; after: string[] }> = {
  'exec-fails': {
    v2: { execFails: { message: '"node" could not be executed: ENOENT', refused: false } },
    after: ['web-1 ready 1', 'web-2 ready 1'],
  },
  'exec-is-refused': {
    v2: { execFails: { message: 'the library is not in it', refused: true } },
    after: ['web-3 ready 2', 'web-4 ready 2'],
  },
  'executed-exits': {
    v2: { readyMs: null, exit: { afterMs: 20, code: 1 } },
    after: ['web-2 ready 1', 'web-3 ready 1'],
  },
  'executed-is-never-ready': { v2: { readyMs: null }, after: ['web-2 ready 1', 'web-3 ready 1'] },
}

for (const [name, { v2, after }] of Object.entries(broken)) {
  test(`plan() keeps or restores full service when an instance ${name.replaceAll('-', ' ')}`, () => {
    const simulation = playTrace(`in-place-${name}`, releases({ v2 }), (simulation) => {
      simulation.upgrade('v1', inPlace, 'start')
      simulation.settle()
      simulation.upgrade('v2', inPlace)
      simulation.settle()
    })
    assert.deepEqual(instances(simulation), after)
    assert.equal(simulation.state.rollout, null)
  })
}

test('plan() rolls back in place when the second instance fails, and with a new process where necessary', () => {
  const script: Script = ({ release, instance }) => {
    if (release === 'v2' && instance === 'web-2') return { readyMs: null, exit: { afterMs: 20, code: 1 } }
    return {}
  }
  const simulation = playTrace('in-place-fails-halfway', script, (simulation) => {
    simulation.upgrade('v1', inPlace, 'start')
    simulation.settle()
    simulation.upgrade('v2', inPlace)
    simulation.settle()
  })
  assert.ok(simulation.state.instances.every(({ state, revision }) => state === 'ready' && revision === 1))
})

test('plan() replaces instances instead of executing in place when the listeners change', () => {
  const simulation = playTrace('in-place-listeners-change', good, (simulation) => {
    simulation.upgrade('v1', inPlace, 'start')
    simulation.settle()
    simulation.upgrade('v2', {
      ...inPlace,
      listen: { admin: { type: 'tcp', host: '127.0.0.1', port: 3001, backlog: 511 } },
    })
    simulation.settle()
  })
  assert.deepEqual(instances(simulation), ['web-3 ready 2', 'web-4 ready 2'])
})
