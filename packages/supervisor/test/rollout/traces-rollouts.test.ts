import { test } from 'node:test'
import { rolling } from './specs.js'
import { playTrace } from './trace.js'
import type { Behaviour } from './simulation.js'
import { good } from './simulation.js'

test('plan() starts new instances before it drains old ones when the new revision is good', () => {
  playTrace('plain-upgrade', good, (simulation) => {
    simulation.upgrade('v1', {}, 'start')
    simulation.settle()
    simulation.upgrade('v2')
    simulation.settle()
  })
})

test('plan() drains an old instance first when maxSurge is 0', () => {
  playTrace('surge-0', good, (simulation) => {
    const change = { strategy: rolling(0, 1), maxDraining: 0 }
    simulation.upgrade('v1', change, 'start')
    simulation.settle()
    simulation.upgrade('v2', change)
    simulation.settle()
  })
})

test('plan() starts new instances only after all old ones have ended when the strategy is Recreate', () => {
  playTrace('recreate', good, (simulation) => {
    const strategy = { type: 'Recreate' } as const
    simulation.upgrade('v1', { strategy }, 'start')
    simulation.settle()
    simulation.upgrade('v2', { strategy })
    simulation.explain()
    simulation.settle()
  })
})

test('plan() counts an instance as available only after minReadySeconds', () => {
  playTrace('min-ready-seconds', good, (simulation) => {
    simulation.upgrade('v1', { minReadySeconds: 5 }, 'start')
    simulation.settle()
    simulation.upgrade('v2', { minReadySeconds: 5 })
    simulation.advance(1000)
    simulation.explain()
    simulation.settle()
  })
})

test('plan() does not begin a rollout while more than maxDraining instances drain', () => {
  const slow: Behaviour = { drainMs: 20_000 }
  playTrace(
    'max-draining',
    () => slow,
    (simulation) => {
      for (const release of ['v1', 'v2', 'v3']) {
        simulation.upgrade(release, { maxDraining: 1, progressDeadlineSeconds: 10 })
        simulation.advance(1000)
      }
      simulation.explain()
      simulation.settle()
    },
  )
})
