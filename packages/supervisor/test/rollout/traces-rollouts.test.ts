import { test } from 'node:test'
import { rolling } from './specs.js'
import { playTrace } from './trace.js'
import type { Behaviour } from './simulation.js'
import { good } from './simulation.js'

test('plan() rolls new before old when the new revision is good', () => {
  playTrace('plain-upgrade', good, (world) => {
    world.upgrade('v1', {}, 'start')
    world.settle()
    world.upgrade('v2')
    world.settle()
  })
})

test('plan() takes an old instance away first when maxSurge is 0', () => {
  playTrace('surge-0', good, (world) => {
    const change = { strategy: rolling(0, 1), maxDraining: 0 }
    world.upgrade('v1', change, 'start')
    world.settle()
    world.upgrade('v2', change)
    world.settle()
  })
})

test('plan() starts nothing new before everything old is gone when the strategy is Recreate', () => {
  playTrace('recreate', good, (world) => {
    const strategy = { type: 'Recreate' } as const
    world.upgrade('v1', { strategy }, 'start')
    world.settle()
    world.upgrade('v2', { strategy })
    world.explain()
    world.settle()
  })
})

test('plan() counts an instance as available only after minReadySeconds', () => {
  playTrace('min-ready-seconds', good, (world) => {
    world.upgrade('v1', { minReadySeconds: 5 }, 'start')
    world.settle()
    world.upgrade('v2', { minReadySeconds: 5 })
    world.advance(1000)
    world.explain()
    world.settle()
  })
})

test('plan() does not begin a rollout while more than maxDraining instances drain', () => {
  const slow: Behaviour = { drainMs: 20_000 }
  playTrace(
    'max-draining',
    () => slow,
    (world) => {
      for (const release of ['v1', 'v2', 'v3']) {
        world.upgrade(release, { maxDraining: 1, progressDeadlineSeconds: 10 })
        world.advance(1000)
      }
      world.explain()
      world.settle()
    },
  )
})
