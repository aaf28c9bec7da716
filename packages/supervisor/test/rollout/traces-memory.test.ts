import { test } from 'node:test'
import { playTrace } from './trace.js'
import type { Behaviour, Script } from './simulation.js'

const limitBytes = 300 * 2 ** 20
const exceeds = (afterMs: number, forMs?: number): Behaviour => ({
  exceeds: { afterMs, usedBytes: 312.4 * 2 ** 20, limitBytes, ...(forMs !== undefined && { forMs }) },
})
const limited = { maxMemory: limitBytes }

test('plan() starts the replacement first when an instance exceeds its memory limit', () => {
  const script: Script = ({ instance }) => (instance === 'web-1' ? exceeds(5000) : {})
  playTrace('memory', script, (simulation) => {
    simulation.upgrade('v1', limited, 'start')
    simulation.advance(5050)
    simulation.explain()
    simulation.settle()
  })
})

test('plan() keeps the only instance for as long as its back-off when each exceeds its memory limit', () => {
  playTrace(
    'memory-loop',
    ({ restarts }) => exceeds(restarts === 4 ? 700_000 : 1000),
    (simulation) => {
      simulation.upgrade('v1', { ...limited, replicas: 1 }, 'start')
      simulation.advance(800_000)
    },
  )
})

test('plan() drains the instance first when no surge is allowed', () => {
  const script: Script = ({ instance }) => (instance === 'web-1' ? exceeds(5000) : {})
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } as const
  playTrace('memory-surge-0', script, (simulation) => {
    simulation.upgrade('v1', { ...limited, strategy }, 'start')
    simulation.settle()
  })
})

test('plan() drains an instance at once when it exceeds its memory limit and does not serve', () => {
  const script: Script = ({ instance }) =>
    instance === 'web-1'
      ? { ...exceeds(5000), flaps: { afterMs: 4000, forMs: 60_000, reason: 'GET /ready: no answer' } }
      : {}
  playTrace('memory-unready', script, (simulation) => {
    simulation.upgrade('v1', limited, 'start')
    simulation.settle()
  })
})

test('plan() leaves an old instance above its memory limit to the rollout that replaces it', () => {
  const script: Script = ({ release }) => (release === 'v1' ? exceeds(1000) : { readyMs: 2000 })
  playTrace('memory-of-old', script, (simulation) => {
    simulation.upgrade('v1', { ...limited, replicas: 1 }, 'start')
    simulation.advance(800)
    simulation.upgrade('v2', { ...limited, replicas: 1 })
    simulation.settle()
  })
})

test('plan() leaves an instance that waits for its replacement to a rollout that begins meanwhile', () => {
  const script: Script = ({ release, instance }) =>
    release === 'v1' && instance === 'web-1' ? exceeds(4000) : { readyMs: 2000 }
  playTrace('memory-then-upgrade', script, (simulation) => {
    simulation.upgrade('v1', limited, 'start')
    simulation.advance(5000)
    simulation.upgrade('v2', limited)
    simulation.settle()
  })
})

test('plan() rolls back when an instance of the new revision exceeds its memory limit', () => {
  const script: Script = ({ release }) => (release === 'v2' ? exceeds(300) : {})
  playTrace('memory-of-new', script, (simulation) => {
    simulation.upgrade('v1', limited, 'start')
    simulation.settle()
    simulation.upgrade('v2', { ...limited, minReadySeconds: 1 })
    simulation.settle()
  })
})

test('plan() tries again with a back-off when the first revision exceeds its memory limit at start', () => {
  playTrace(
    'memory-of-first',
    ({ restarts }) => (restarts < 2 ? { readyMs: 500, ...exceeds(300, 10_000) } : {}),
    (simulation) => {
      simulation.upgrade('v1', { ...limited, replicas: 1 }, 'start')
      simulation.settle()
    },
  )
})

test('plan() replaces instances that are still above their memory limit after a rollback', () => {
  const script: Script = ({ release, instance }) =>
    release === 'v2'
      ? { exit: { afterMs: 2000, code: 1 }, readyMs: null }
      : instance === 'web-1'
        ? exceeds(1000)
        : {}
  playTrace('memory-after-rollback', script, (simulation) => {
    simulation.upgrade('v1', limited, 'start')
    simulation.advance(800)
    simulation.upgrade('v2', limited)
    simulation.settle()
  })
})
