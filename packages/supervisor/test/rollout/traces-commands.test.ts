import { test } from 'node:test'
import { rolling } from './specs.js'
import { playTrace } from './trace.js'
import type { Behaviour } from './simulation.js'
import { good, releases } from './simulation.js'

test('plan() does nothing while the rollout is paused, and continues when it is resumed', () => {
  playTrace('pause-resume', good, (simulation) => {
    simulation.upgrade('v1', {}, 'start')
    simulation.settle()
    simulation.upgrade('v2')
    simulation.advance(50)
    simulation.ask({ type: 'Pause' })
    simulation.advance(600_000)
    simulation.explain()
    simulation.upgrade('v3')
    simulation.ask({ type: 'Restart' })
    simulation.ask({ type: 'Resume' })
    simulation.settle()
    simulation.ask({ type: 'Pause' })
    simulation.upgrade('v3')
    simulation.explain()
    simulation.ask({ type: 'Scale', replicas: 3 })
    simulation.settle()
    simulation.ask({ type: 'Resume' })
    simulation.settle()
  })
})

test('plan() does not complete a paused rollout', () => {
  const v1: Behaviour = { stopAcceptingMs: 5000, drainMs: 5000 }
  playTrace('pause-at-the-end', releases({ v1 }), (simulation) => {
    simulation.upgrade('v1', { replicas: 1 }, 'start')
    simulation.settle()
    simulation.upgrade('v2', { replicas: 1 })
    simulation.advance(1000)
    simulation.ask({ type: 'Pause' })
    simulation.settle()
    simulation.ask({ type: 'Resume' })
    simulation.settle()
  })
})

test('plan() also undoes a paused rollout when its new instance crashes', () => {
  playTrace('crash-while-paused', releases({ v2: { exit: { afterMs: 5000, code: 1 } } }), (simulation) => {
    simulation.upgrade('v1', {}, 'start')
    simulation.settle()
    simulation.upgrade('v2', { minReadySeconds: 60 })
    simulation.advance(1000)
    simulation.ask({ type: 'Pause' })
    simulation.settle()
  })
})

for (const [name, replicas] of [
  ['up', 15],
  ['down', 5],
] as const)
  test(`plan() scales both revisions in proportion when scaled ${name} during a rollout`, () => {
    playTrace(`scale-${name}-in-the-middle`, releases({ v2: { readyMs: 1000 } }), (simulation) => {
      const change = { replicas: 10, strategy: rolling(3, 2) }
      simulation.upgrade('v1', change, 'start')
      simulation.settle()
      simulation.upgrade('v2', change)
      simulation.advance(500)
      simulation.ask({ type: 'Scale', replicas })
      simulation.settle()
    })
  })

test('plan() removes the youngest instances when scaled down', () => {
  playTrace('scale', good, (simulation) => {
    simulation.upgrade('v1', {}, 'start')
    simulation.settle()
    simulation.ask({ type: 'Scale', replicas: 4 })
    simulation.settle()
    simulation.ask({ type: 'Scale', replicas: 1 })
    simulation.settle()
    simulation.ask({ type: 'Scale', replicas: 1.5 })
    simulation.upgrade('v2')
    simulation.settle()
  })
})

test('accept() creates a new revision from an old one when asked to undo', () => {
  playTrace('undo', good, (simulation) => {
    for (const release of ['v1', 'v2', 'v3']) {
      simulation.upgrade(release, { replicas: 1 })
      simulation.settle()
    }
    for (const toRevision of [null, null, 1, 9, 6]) {
      simulation.ask({ type: 'Undo', toRevision })
      simulation.settle()
    }
    simulation.ask({ type: 'Restart' })
    simulation.settle()
  })
})

test('accept() skips a revision whose rollout failed when asked to undo', () => {
  const v3: Behaviour = { readyMs: null, exit: { afterMs: 20, code: 1 } }
  playTrace('undo-after-failure', releases({ v3 }), (simulation) => {
    for (const release of ['v1', 'v2', 'v3', 'v4']) {
      simulation.upgrade(release, { replicas: 1 })
      simulation.settle()
    }
    simulation.ask({ type: 'Undo', toRevision: null })
    simulation.settle()
    simulation.ask({ type: 'Undo', toRevision: 3 })
    simulation.settle()
    simulation.ask({ type: 'Undo', toRevision: null })
    simulation.settle()
  })
})

test('accept() ends the rollout when asked to undo during it', () => {
  playTrace('undo-in-the-middle', releases({ v2: { readyMs: 1000 } }), (simulation) => {
    simulation.upgrade('v1', {}, 'start')
    simulation.settle()
    simulation.upgrade('v2')
    simulation.advance(1500)
    simulation.upgrade('v3')
    simulation.ask({ type: 'Undo', toRevision: null })
    simulation.ask({ type: 'Undo', toRevision: null })
    simulation.settle()
    simulation.ask({ type: 'Undo', toRevision: null })
  })
})

test('plan() drains everything when stopped during a rollout', () => {
  playTrace('stop-in-the-middle', releases({ v2: { readyMs: 1000 } }), (simulation) => {
    simulation.upgrade('v1', {}, 'start')
    simulation.settle()
    simulation.upgrade('v2')
    simulation.advance(500)
    simulation.ask({ type: 'Stop' })
    simulation.explain()
    simulation.upgrade('v3')
    simulation.settle()
    simulation.ask({ type: 'Scale', replicas: 3 })
    simulation.upgrade('v3')
    simulation.settle()
  })
})

test('plan() applies a changed number of replicas, and restores the old number when it rolls back', () => {
  playTrace(
    'replicas-change',
    releases({ v3: { readyMs: null, exit: { afterMs: 20, code: 1 } } }),
    (simulation) => {
      simulation.upgrade('v1', { replicas: 1 }, 'start')
      simulation.settle()
      simulation.upgrade('v2', { replicas: 3 })
      simulation.settle()
      simulation.upgrade('v3', { replicas: 4 })
      simulation.settle()
    },
  )
})
