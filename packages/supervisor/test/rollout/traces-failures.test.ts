import assert from 'node:assert/strict'
import { test } from 'node:test'
import { playTrace } from './trace.js'
import type { Behaviour, Script } from './simulation.js'
import { releases } from './simulation.js'

const broken: Record<string, { v2: Behaviour; advanceMs: number }> = {
  'exits-at-boot': {
    v2: { readyMs: null, exit: { afterMs: 200, code: 1, output: ['no such table'] } },
    advanceMs: 100,
  },
  'never-ready': { v2: { readyMs: null }, advanceMs: 100 },
  'crashes-after-ready': { v2: { exit: { afterMs: 150, signal: 'SIGSEGV' } }, advanceMs: 100 },
  'startup-probe-fails': {
    v2: { readyMs: null, probeFails: { afterMs: 3000, probe: 'startup', reason: 'GET /up: 503' } },
    advanceMs: 100,
  },
  'liveness-probe-fails': {
    v2: { probeFails: { afterMs: 150, probe: 'liveness', reason: 'GET /live: no answer' } },
    advanceMs: 100,
  },
  'cannot-be-executed': { v2: { cannotStart: 'command "./web" was not found in "/srv/web"' }, advanceMs: 0 },
}

for (const [name, { v2, advanceMs }] of Object.entries(broken)) {
  test(`plan() undoes the rollout and leaves the old instances alone when the new one ${name.replaceAll('-', ' ')}`, () => {
    const simulation = playTrace(name, releases({ v2 }), (simulation) => {
      simulation.upgrade('v1', { minReadySeconds: 1 }, 'start')
      simulation.settle()
      simulation.upgrade('v2', { minReadySeconds: 1 })
      simulation.advance(advanceMs)
      simulation.explain()
      simulation.settle()
    })
    assert.deepEqual(
      simulation.state.instances.map(({ id, state }) => `${id} ${state}`),
      ['web-1 ready', 'web-2 ready'],
    )
    assert.deepEqual(
      [simulation.state.stable, simulation.state.target, simulation.state.rollout],
      [1, 1, null],
    )
  })
}

test('plan() starts the missing instances of the stable revision when the rollout fails halfway', () => {
  const script: Script = ({ release, instance }) =>
    release === 'v2' && instance === 'web-6' ? { exit: { afterMs: 20, code: 1 }, readyMs: null } : {}
  playTrace('fails-halfway', script, (simulation) => {
    simulation.upgrade('v1', { replicas: 3 }, 'start')
    simulation.settle()
    simulation.upgrade('v2', { replicas: 3 })
    simulation.settle()
  })
})

test('plan() rolls back with Recreate when a Recreate rollout fails', () => {
  playTrace(
    'recreate-fails',
    releases({ v2: { readyMs: null, exit: { afterMs: 20, code: 1 } } }),
    (simulation) => {
      const strategy = { type: 'Recreate' } as const
      simulation.upgrade('v1', { strategy }, 'start')
      simulation.settle()
      simulation.upgrade('v2', { strategy })
      simulation.settle()
    },
  )
})

test('plan() retries the first revision with a back-off when it fails, until an upgrade replaces it', () => {
  playTrace(
    'first-start-fails',
    releases({ v1: { readyMs: null, exit: { afterMs: 200, code: 1 } } }),
    (simulation) => {
      simulation.upgrade('v1', { replicas: 1 }, 'start')
      simulation.advance(5000)
      simulation.explain()
      simulation.advance(30_000)
      simulation.upgrade('v2', { replicas: 1 })
      simulation.settle()
    },
  )
})

test('plan() retries the rollback when the stable revision no longer starts', () => {
  let broken = false
  const script: Script = ({ release, instance }) => {
    if (release === 'v2' && instance === 'web-4') return { readyMs: null, exit: { afterMs: 20, code: 1 } }
    return release === 'v1' && broken ? { readyMs: null, exit: { afterMs: 20, code: 2 } } : {}
  }
  playTrace('rollback-stuck', script, (simulation) => {
    simulation.upgrade('v1', {}, 'start')
    simulation.settle()
    broken = true
    simulation.upgrade('v2')
    simulation.advance(20_000)
    simulation.upgrade('v3')
    simulation.advance(60_000)
    simulation.explain()
    simulation.upgrade('v3')
    simulation.settle()
  })
})

test('plan() fails the rollout at its deadline when the new instance flaps between ready and unready', () => {
  const v2: Behaviour = { flaps: { afterMs: 1000, forMs: 500, times: 100, reason: 'GET /ready: 503' } }
  playTrace('new-flaps', releases({ v2 }), (simulation) => {
    const change = { replicas: 1, minReadySeconds: 2, progressDeadlineSeconds: 5 }
    simulation.upgrade('v1', change, 'start')
    simulation.settle()
    simulation.upgrade('v2', change)
    simulation.settle()
  })
})
