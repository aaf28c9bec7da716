import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IntOrPercent } from '../../dist/model/index.js'
import { backOffMs, countedCrashes } from '../../dist/rollout/backoff.js'
import { limitsOf, resolveFenceposts } from '../../dist/rollout/fenceposts.js'
import { proportionalSizes } from '../../dist/rollout/proportional.js'
import { cleanupUnhealthy, newSetSize, oldSetScaleDown, scaleDownAvailable } from '../../dist/rollout/sets.js'
import { listeningSpec, rolling } from './specs.js'

/**
 * The arithmetic of Kubernetes, as tables. The cases are those of its tests, in pkg/controller/deployment:
 * util/deployment_util_test.go (TestResolveFenceposts, TestNewRSNewReplicas), rolling_test.go, sync_test.go
 * (TestScale). A comment marks each case that differs or is new.
 */

test('resolveFenceposts() rounds the surge up and the unavailable down', () => {
  const table: [surge: IntOrPercent, unavailable: IntOrPercent, replicas: number, ...expected: number[]][] = [
    ['0%', '0%', 0, 0, 1],
    ['39%', '39%', 10, 4, 3],
    [0, '39%', 10, 0, 3],
    ['39%', 0, 10, 4, 0],
    [0, 0, 10, 0, 1],
    // New: the documented default of a Deployment, and a product that is inexact in binary floating point.
    ['25%', '25%', 3, 1, 0],
    ['29%', '29%', 100, 29, 29],
  ]
  for (const [surge, unavailable, replicas, ...expected] of table) {
    const { maxSurge, maxUnavailable } = resolveFenceposts(surge, unavailable, replicas)
    assert.deepEqual([maxSurge, maxUnavailable], expected, `${surge}, ${unavailable} of ${replicas}`)
  }
})

test('limitsOf() returns at least 0 available, and no surge when there are 0 replicas', () => {
  const table: [
    strategy: ReturnType<typeof rolling>,
    replicas: number,
    maxTotal: number,
    minAvailable: number,
  ][] = [
    [rolling(1, 5), 10, 11, 5],
    [rolling(1, 10), 10, 11, 0],
    [rolling(1, 10), 5, 6, 0],
    [rolling(1, 10), 0, 0, 0],
    [rolling('50%', '50%'), 10, 15, 5],
    [rolling('50%', '50%'), 1, 2, 1],
  ]
  for (const [strategy, replicas, maxTotal, minAvailable] of table)
    assert.deepEqual(limitsOf(listeningSpec({ strategy }), replicas), { maxTotal, minAvailable })
  assert.deepEqual(limitsOf(listeningSpec({ strategy: { type: 'Recreate' } }), 3), {
    maxTotal: 3,
    minAvailable: 0,
  })
})

test('newSetSize() grows by what the surge allows, and shrinks to replicas', () => {
  const table: [replicas: number, maxSurge: number, old: number, size: number, expected: number][] = [
    [10, 0, 10, 0, 0],
    [10, 2, 10, 0, 2],
    [10, 2, 5, 0, 7],
    [10, 2, 10, 2, 2],
    [10, 2, 2, 11, 10],
    [6, 10, 5, 2, 6],
    // In Kubernetes the new set keeps 5 until the next synchronisation scales it down to replicas. Here it shrinks at once.
    [1, 1, 5, 5, 1],
    // New: if the surge is exceeded, the old set must shrink, not the new one.
    [10, 2, 13, 2, 2],
  ]
  for (const [replicas, maxSurge, old, size, expected] of table) {
    const figures = { replicas, maxTotal: replicas + maxSurge, total: old + size, size }
    assert.equal(newSetSize(figures), expected, JSON.stringify(figures))
  }
})

test('oldSetScaleDown() removes unhealthy instances first and keeps enough available', () => {
  const table: [
    ...figures: [maxUnavailable: number, old: number, oldReady: number, size: number, ready: number],
    ...expected: [unhealthy: number, available: number],
  ][] = [
    [2, 10, 10, 0, 0, 0, 2],
    [2, 10, 8, 0, 0, 2, 0],
    [2, 10, 9, 0, 0, 1, 1],
    // Because the new instances are unavailable, the old ones are not scaled down further.
    [2, 8, 8, 2, 0, 0, 0],
    // In Kubernetes a maxUnavailable of 0 with a surge of 0 becomes 1 and removes one. Here `limitsOf` does that.
    [1, 10, 10, 0, 0, 0, 1],
    [0, 10, 10, 0, 0, 0, 0],
    // New: the docstring's example for the old set, and an unhealthy instance that does not count.
    [0, 10, 10, 3, 1, 0, 1],
    [0, 10, 8, 3, 3, 2, 1],
    [0, 10, 8, 3, 1, 1, 0],
    [0, 10, 8, 3, 0, 0, 0],
  ]
  for (const [maxUnavailable, oldSize, oldAvailable, newSize, newAvailable, unhealthy, available] of table) {
    const figures = { minAvailable: 10 - maxUnavailable, newSize, newAvailable, oldSize, oldAvailable }
    assert.deepEqual(oldSetScaleDown(figures), { unhealthy, available }, JSON.stringify(figures))
  }
})

test('cleanupUnhealthy() removes unhealthy instances, at most as many as allowed', () => {
  const table: [old: number, ready: number, mayGo: number, expected: number][] = [
    [10, 8, 1, 1],
    [10, 8, 3, 2],
    [10, 8, 0, 0],
    [10, 10, 3, 0],
  ]
  for (const [old, ready, mayGo, expected] of table)
    assert.equal(cleanupUnhealthy(old, ready, mayGo), expected)
})

test('scaleDownAvailable() removes the instances above the minimum', () => {
  const table: [maxUnavailable: number, ready: number, old: number, expected: number][] = [
    [1, 10, 10, 1], // maxSurge 0 and maxUnavailable 0, resolved
    [2, 10, 10, 2],
    [2, 8, 10, 0],
    [2, 10, 0, 0],
    [2, 1, 10, 0],
  ]
  for (const [maxUnavailable, ready, old, expected] of table)
    assert.equal(scaleDownAvailable(ready, 10 - maxUnavailable, old), expected)
})

const none = [0, 0] as const

test('proportionalSizes() distributes a change of scale over the revisions', () => {
  const table: {
    name: string
    from: number
    to: number
    surge?: readonly [number, number]
    sizes: number[]
    expected: number[]
  }[] = [
    // Sizes are listed from the newest revision to the oldest.
    { name: 'proportional 5 to 10', from: 5, to: 10, sizes: [2, 3], expected: [4, 6] },
    { name: 'proportional 5 to 3', from: 5, to: 3, sizes: [2, 3], expected: [1, 2] },
    { name: 'proportional 9 to 4', from: 9, to: 4, sizes: [8, 1], expected: [4, 0] },
    { name: 'proportional 7 to 10', from: 7, to: 10, sizes: [2, 3, 2], expected: [3, 4, 3] },
    { name: 'proportional 13 to 8', from: 13, to: 8, sizes: [2, 8, 3], expected: [1, 5, 2] },
    { name: 'leftover 3 to 4, up: the newest', from: 3, to: 4, sizes: [1, 1, 1], expected: [2, 1, 1] },
    { name: 'leftover 3 to 2, down: the oldest', from: 3, to: 2, sizes: [1, 1, 1], expected: [1, 1, 0] },
    { name: 'no new one yet, 4 to 5', from: 4, to: 5, sizes: [2, 2], expected: [3, 2] },
    { name: '6 to 0', from: 6, to: 0, sizes: [3, 2, 1], expected: [0, 0, 0] },
    { name: 'with surge, 10 to 20', from: 10, to: 20, surge: [2, 2], sizes: [6, 6], expected: [11, 11] },
    { name: 'surge 3 to 6, 10 to 50', from: 10, to: 50, surge: [3, 6], sizes: [5, 8], expected: [22, 34] },
    { name: 'size and template, 10 to 14', from: 10, to: 14, sizes: [7, 3], expected: [10, 4] },
    { name: 'nothing to do', from: 2, to: 2, surge: [1, 1], sizes: [2, 1], expected: [2, 1] },
  ]
  for (const { name, from, to, surge = none, sizes, expected } of table) {
    const sets = sizes.map((size, index) => ({ revision: sizes.length - index, size }))
    const resized = proportionalSizes(sets, to + surge[1], from + surge[0])
    const bySet = sets.map(({ revision }) => resized.find((set) => set.revision === revision)?.size)
    assert.deepEqual(bySet, expected, name)
  }
})

test('backOffMs() is 0 at first, then 10 s, doubled up to 300 s', () => {
  const seconds = [0, 1, 2, 3, 4, 5, 6, 7, 50].map((crashes) => backOffMs(crashes) / 1000)
  assert.deepEqual(seconds, [0, 10, 20, 40, 80, 160, 300, 300, 300])
})

test('countedCrashes() forgets earlier crashes after ten minutes of running', () => {
  assert.equal(countedCrashes(5, 599_999), 5)
  assert.equal(countedCrashes(5, 600_000), 0)
})
