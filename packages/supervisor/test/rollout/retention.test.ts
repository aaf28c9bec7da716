import assert from 'node:assert/strict'
import { test } from 'node:test'
import { specOf } from './specs.js'
import type { Behaviour, FakeWorld } from './simulation.js'
import { fakeWorld } from './simulation.js'

const upgrade = (world: FakeWorld, release: string, revisionHistoryLimit: number) => {
  const spec = specOf({ replicas: 1, revisionHistoryLimit })
  world.ask({ type: 'Upgrade', revision: { spec, release }, cause: 'upgrade' })
}

const numbers = (world: FakeWorld) => world.state.revisions.map(({ number }) => number)

function worldAfter(
  releases: string[],
  limit: number,
  behaviours: Record<string, Behaviour> = {},
): FakeWorld {
  const world = fakeWorld(({ release }) => behaviours[release] ?? {})
  for (const release of releases) {
    upgrade(world, release, limit)
    world.settle()
  }
  return world
}

test('reduce() keeps revisionHistoryLimit old revisions', () => {
  assert.deepEqual(numbers(worldAfter(['a', 'b', 'c', 'd', 'e'], 2)), [3, 4, 5])
  assert.deepEqual(numbers(worldAfter(['a', 'b', 'c'], 0)), [3])
  assert.deepEqual(numbers(worldAfter(['a', 'b', 'c'], 10)), [1, 2, 3])
})

test('reduce() keeps an old revision while an instance of it drains', () => {
  const world = worldAfter(['a'], 0, { a: { drainMs: 20_000 } })
  upgrade(world, 'b', 0)
  world.advance(1000)
  assert.deepEqual([world.state.rollout, world.state.stable], [null, 2])
  assert.deepEqual(numbers(world), [1, 2])
  world.settle()
  assert.deepEqual(numbers(world), [2])
})

test('reduce() keeps the stable revision however many fail after it, and gives no number twice', () => {
  const broken: Behaviour = { readyMs: null, exit: { afterMs: 10, code: 1 } }
  const world = worldAfter(['a', 'b', 'c', 'd'], 1, { b: broken, c: broken, d: broken })
  assert.equal(world.state.stable, 1)
  assert.deepEqual(numbers(world), [1, 4])
  upgrade(world, 'e', 0)
  world.settle()
  assert.deepEqual([world.state.stable, numbers(world)], [5, [5]])
})
