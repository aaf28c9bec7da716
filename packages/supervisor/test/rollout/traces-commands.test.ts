import { test } from 'node:test'
import { rolling } from './specs.js'
import { playTrace } from './trace.js'
import type { Behaviour } from './simulation.js'
import { good, releases } from './simulation.js'

test('plan() moves nothing while the rollout is paused, and goes on when it is resumed', () => {
  playTrace('pause-resume', good, (world) => {
    world.upgrade('v1', {}, 'start')
    world.settle()
    world.upgrade('v2')
    world.advance(50)
    world.ask({ type: 'Pause' })
    world.advance(600_000)
    world.explain()
    world.upgrade('v3')
    world.ask({ type: 'Restart' })
    world.ask({ type: 'Resume' })
    world.settle()
    world.ask({ type: 'Pause' })
    world.upgrade('v3')
    world.explain()
    world.ask({ type: 'Scale', replicas: 3 })
    world.settle()
    world.ask({ type: 'Resume' })
    world.settle()
  })
})

test('plan() does not complete a paused rollout', () => {
  const v1: Behaviour = { stopAcceptingMs: 5000, drainMs: 5000 }
  playTrace('pause-at-the-end', releases({ v1 }), (world) => {
    world.upgrade('v1', { replicas: 1 }, 'start')
    world.settle()
    world.upgrade('v2', { replicas: 1 })
    world.advance(1000)
    world.ask({ type: 'Pause' })
    world.settle()
    world.ask({ type: 'Resume' })
    world.settle()
  })
})

test('plan() undoes a paused rollout too when its new instance crashes', () => {
  playTrace('crash-while-paused', releases({ v2: { exit: { afterMs: 5000, code: 1 } } }), (world) => {
    world.upgrade('v1', {}, 'start')
    world.settle()
    world.upgrade('v2', { minReadySeconds: 60 })
    world.advance(1000)
    world.ask({ type: 'Pause' })
    world.settle()
  })
})

for (const [name, replicas] of [
  ['up', 15],
  ['down', 5],
] as const)
  test(`plan() scales both revisions in proportion when scaled ${name} in the middle`, () => {
    playTrace(`scale-${name}-in-the-middle`, releases({ v2: { readyMs: 1000 } }), (world) => {
      const change = { replicas: 10, strategy: rolling(3, 2) }
      world.upgrade('v1', change, 'start')
      world.settle()
      world.upgrade('v2', change)
      world.advance(500)
      world.ask({ type: 'Scale', replicas })
      world.settle()
    })
  })

test('plan() takes the youngest away when scaled down', () => {
  playTrace('scale', good, (world) => {
    world.upgrade('v1', {}, 'start')
    world.settle()
    world.ask({ type: 'Scale', replicas: 4 })
    world.settle()
    world.ask({ type: 'Scale', replicas: 1 })
    world.settle()
    world.ask({ type: 'Scale', replicas: 1.5 })
    world.upgrade('v2')
    world.settle()
  })
})

test('accept() makes a new revision of an old one when asked to undo', () => {
  playTrace('undo', good, (world) => {
    for (const release of ['v1', 'v2', 'v3']) {
      world.upgrade(release, { replicas: 1 })
      world.settle()
    }
    for (const toRevision of [null, null, 1, 9, 6]) {
      world.ask({ type: 'Undo', toRevision })
      world.settle()
    }
    world.ask({ type: 'Restart' })
    world.settle()
  })
})

test('accept() passes over a revision whose rollout failed when asked to undo', () => {
  const v3: Behaviour = { readyMs: null, exit: { afterMs: 20, code: 1 } }
  playTrace('undo-after-failure', releases({ v3 }), (world) => {
    for (const release of ['v1', 'v2', 'v3', 'v4']) {
      world.upgrade(release, { replicas: 1 })
      world.settle()
    }
    world.ask({ type: 'Undo', toRevision: null })
    world.settle()
    world.ask({ type: 'Undo', toRevision: 3 })
    world.settle()
    world.ask({ type: 'Undo', toRevision: null })
    world.settle()
  })
})

test('accept() ends the rollout when asked to undo in the middle of it', () => {
  playTrace('undo-in-the-middle', releases({ v2: { readyMs: 1000 } }), (world) => {
    world.upgrade('v1', {}, 'start')
    world.settle()
    world.upgrade('v2')
    world.advance(1500)
    world.upgrade('v3')
    world.ask({ type: 'Undo', toRevision: null })
    world.ask({ type: 'Undo', toRevision: null })
    world.settle()
    world.ask({ type: 'Undo', toRevision: null })
  })
})

test('plan() drains everything when stopped in the middle of a rollout', () => {
  playTrace('stop-in-the-middle', releases({ v2: { readyMs: 1000 } }), (world) => {
    world.upgrade('v1', {}, 'start')
    world.settle()
    world.upgrade('v2')
    world.advance(500)
    world.ask({ type: 'Stop' })
    world.explain()
    world.upgrade('v3')
    world.settle()
    world.ask({ type: 'Scale', replicas: 3 })
    world.upgrade('v3')
    world.settle()
  })
})

test('plan() takes the new number of replicas, and a rollback the old one, when the specification names another', () => {
  playTrace(
    'replicas-change',
    releases({ v3: { readyMs: null, exit: { afterMs: 20, code: 1 } } }),
    (world) => {
      world.upgrade('v1', { replicas: 1 }, 'start')
      world.settle()
      world.upgrade('v2', { replicas: 3 })
      world.settle()
      world.upgrade('v3', { replicas: 4 })
      world.settle()
    },
  )
})
