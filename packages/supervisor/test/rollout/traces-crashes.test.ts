import { test } from 'node:test'
import { playTrace } from './trace.js'
import type { Script } from './simulation.js'
import { releases } from './simulation.js'

test('plan() restarts a crashing instance with the back-off of the kubelet', () => {
  let crashes = 0
  const script: Script = () => {
    const afterMs = ++crashes === 8 ? 700_000 : 1000
    return { exit: { afterMs, code: 1 } }
  }
  playTrace(
    'crash-loop',
    (facts) =>
      facts.restarts > 0 || crashes > 0 ? script(facts) : { exit: { afterMs: 2000, code: ++crashes } },
    (simulation) => {
      simulation.upgrade('v1', { replicas: 1 }, 'start')
      simulation.advance(15_000)
      simulation.explain()
      simulation.advance(1_900_000)
    },
  )
})

test('plan() starts the replacement first when a serving instance fails its liveness probe', () => {
  const script: Script = ({ instance }) =>
    instance === 'web-1'
      ? { probeFails: { afterMs: 5000, probe: 'liveness', reason: 'GET /live: 500' } }
      : instance === 'web-3'
        ? { probeFails: { afterMs: 9000, probe: 'liveness', reason: 'GET /live: 500' } }
        : {}
  playTrace(
    'liveness',
    (facts) => (facts.restarts > 1 ? {} : script(facts)),
    (simulation) => {
      simulation.upgrade('v1', {}, 'start')
      simulation.advance(5050)
      simulation.explain()
      simulation.advance(9100)
      simulation.explain()
      simulation.settle()
    },
  )
})

test('plan() drains an instance at once when it fails its probe and does not serve', () => {
  const script: Script = ({ instance, restarts }) =>
    instance === 'web-1' && restarts === 0
      ? {
          flaps: { afterMs: 4000, forMs: 60_000, reason: 'GET /ready: no answer' },
          probeFails: { afterMs: 5000, probe: 'liveness', reason: 'GET /live: no answer' },
          stopAcceptingMs: null,
          drainMs: null,
        }
      : {}
  playTrace('liveness-unready', script, (simulation) => {
    simulation.upgrade('v1', {}, 'start')
    simulation.advance(4500)
    simulation.explain()
    simulation.settle()
  })
})

test('plan() restarts an old instance when it fails its liveness probe during a rollout', () => {
  const script: Script = ({ instance, restarts }) =>
    instance === 'web-1' && restarts === 0
      ? { probeFails: { afterMs: 1000, probe: 'liveness', reason: 'GET /live: 500' } }
      : { readyMs: 500 }
  playTrace('liveness-of-old', script, (simulation) => {
    simulation.upgrade('v1', {}, 'start')
    simulation.advance(800)
    simulation.upgrade('v2')
    simulation.settle()
  })
})

test('plan() restarts an old instance when it crashes before the new revision is available', () => {
  const script: Script = ({ instance, restarts }) =>
    instance === 'web-1' && restarts === 0 ? { exit: { afterMs: 1000, code: 1 } } : { readyMs: 500 }
  playTrace('old-crashes', script, (simulation) => {
    simulation.upgrade('v1', {}, 'start')
    simulation.advance(800)
    simulation.upgrade('v2')
    simulation.settle()
  })
})

test('plan() kills an old instance at its deadline and then completes when its drain hangs', () => {
  playTrace('drain-hangs', releases({ v1: { stopAcceptingMs: null, drainMs: null } }), (simulation) => {
    simulation.upgrade('v1', { replicas: 1 }, 'start')
    simulation.settle()
    simulation.upgrade('v2', { replicas: 1 })
    simulation.advance(10_000)
    simulation.explain()
    simulation.settle()
  })
})
