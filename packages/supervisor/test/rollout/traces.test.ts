import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rolling } from './specs.js'
import { playTrace } from './trace.js'
import type { Behaviour, Script } from './world.js'

/** Every release behaves, but for those named here. */
const releases =
  (special: Record<string, Behaviour>): Script =>
  ({ release }) =>
    special[release] ?? {}

const good = releases({})

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
    const world = playTrace(name, releases({ v2 }), (world) => {
      world.upgrade('v1', { minReadySeconds: 1 }, 'start')
      world.settle()
      world.upgrade('v2', { minReadySeconds: 1 })
      world.advance(advanceMs)
      world.explain()
      world.settle()
    })
    assert.deepEqual(
      world.state.instances.map(({ id, state }) => `${id} ${state}`),
      ['web-1 ready', 'web-2 ready'],
    )
    assert.deepEqual([world.state.stable, world.state.target, world.state.rollout], [1, 1, null])
  })
}

test('plan() starts what the stable revision lacks when the rollout fails halfway', () => {
  const script: Script = ({ release, instance }) =>
    release === 'v2' && instance === 'web-6' ? { exit: { afterMs: 20, code: 1 }, readyMs: null } : {}
  playTrace('fails-halfway', script, (world) => {
    world.upgrade('v1', { replicas: 3 }, 'start')
    world.settle()
    world.upgrade('v2', { replicas: 3 })
    world.settle()
  })
})

test('plan() goes back by Recreate when a Recreate rollout fails', () => {
  playTrace(
    'recreate-fails',
    releases({ v2: { readyMs: null, exit: { afterMs: 20, code: 1 } } }),
    (world) => {
      const strategy = { type: 'Recreate' } as const
      world.upgrade('v1', { strategy }, 'start')
      world.settle()
      world.upgrade('v2', { strategy })
      world.settle()
    },
  )
})

test('plan() keeps trying with back-off when the first revision fails, until an upgrade replaces it', () => {
  playTrace(
    'first-start-fails',
    releases({ v1: { readyMs: null, exit: { afterMs: 200, code: 1 } } }),
    (world) => {
      world.upgrade('v1', { replicas: 1 }, 'start')
      world.advance(5000)
      world.explain()
      world.advance(30_000)
      world.upgrade('v2', { replicas: 1 })
      world.settle()
    },
  )
})

test('plan() keeps trying to roll back when the stable revision does not start any more', () => {
  let broken = false
  const script: Script = ({ release, instance }) => {
    if (release === 'v2' && instance === 'web-4') return { readyMs: null, exit: { afterMs: 20, code: 1 } }
    return release === 'v1' && broken ? { readyMs: null, exit: { afterMs: 20, code: 2 } } : {}
  }
  playTrace('rollback-stuck', script, (world) => {
    world.upgrade('v1', {}, 'start')
    world.settle()
    broken = true
    world.upgrade('v2')
    world.advance(20_000)
    world.upgrade('v3')
    world.advance(60_000)
    world.explain()
    world.upgrade('v3')
    world.settle()
  })
})

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

test('plan() fails the rollout at its deadline when the new instance flaps between ready and unready', () => {
  const v2: Behaviour = { flaps: { afterMs: 1000, forMs: 500, times: 100, reason: 'GET /ready: 503' } }
  playTrace('new-flaps', releases({ v2 }), (world) => {
    const change = { replicas: 1, minReadySeconds: 2, progressDeadlineSeconds: 5 }
    world.upgrade('v1', change, 'start')
    world.settle()
    world.upgrade('v2', change)
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

test("plan() restarts a crashing instance with kubelet's back-off", () => {
  let crashes = 0
  const script: Script = () => {
    const afterMs = ++crashes === 8 ? 700_000 : 1000
    return { exit: { afterMs, code: 1 } }
  }
  playTrace(
    'crash-loop',
    (facts) =>
      facts.restarts > 0 || crashes > 0 ? script(facts) : { exit: { afterMs: 2000, code: ++crashes } },
    (world) => {
      world.upgrade('v1', { replicas: 1 }, 'start')
      world.advance(15_000)
      world.explain()
      world.advance(1_900_000)
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
    (world) => {
      world.upgrade('v1', {}, 'start')
      world.advance(5050)
      world.explain()
      world.advance(9100)
      world.explain()
      world.settle()
    },
  )
})

test('plan() drains at once when an instance that does not serve fails its probe', () => {
  const script: Script = ({ instance, restarts }) =>
    instance === 'web-1' && restarts === 0
      ? {
          flaps: { afterMs: 4000, forMs: 60_000, reason: 'GET /ready: no answer' },
          probeFails: { afterMs: 5000, probe: 'liveness', reason: 'GET /live: no answer' },
          stopAcceptingMs: null,
          drainMs: null,
        }
      : {}
  playTrace('liveness-unready', script, (world) => {
    world.upgrade('v1', {}, 'start')
    world.advance(4500)
    world.explain()
    world.settle()
  })
})

test('plan() brings an old instance back in its place when it fails its liveness probe during a rollout', () => {
  const script: Script = ({ instance, restarts }) =>
    instance === 'web-1' && restarts === 0
      ? { probeFails: { afterMs: 1000, probe: 'liveness', reason: 'GET /live: 500' } }
      : { readyMs: 500 }
  playTrace('liveness-of-old', script, (world) => {
    world.upgrade('v1', {}, 'start')
    world.advance(800)
    world.upgrade('v2')
    world.settle()
  })
})

test('plan() brings an old instance back when it crashes while the new revision is not available', () => {
  const script: Script = ({ instance, restarts }) =>
    instance === 'web-1' && restarts === 0 ? { exit: { afterMs: 1000, code: 1 } } : { readyMs: 500 }
  playTrace('old-crashes', script, (world) => {
    world.upgrade('v1', {}, 'start')
    world.advance(800)
    world.upgrade('v2')
    world.settle()
  })
})

test('plan() kills an old instance at its deadline, and completes only then, when its drain hangs', () => {
  playTrace('drain-hangs', releases({ v1: { stopAcceptingMs: null, drainMs: null } }), (world) => {
    world.upgrade('v1', { replicas: 1 }, 'start')
    world.settle()
    world.upgrade('v2', { replicas: 1 })
    world.advance(10_000)
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
