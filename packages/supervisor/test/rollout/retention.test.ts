import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Behaviour, Simulation } from './simulation.js'
import { simulate } from './simulation.js'
import { listeningSpec } from './specs.js'

const upgrade = (simulation: Simulation, release: string, revisionHistoryLimit: number) => {
  const spec = listeningSpec({ replicas: 1, revisionHistoryLimit })
  simulation.ask({ type: 'Upgrade', revision: { spec, release }, cause: 'upgrade' })
}

const numbers = (simulation: Simulation) => simulation.state.revisions.map(({ number }) => number)

function simulationAfter(
  releases: string[],
  limit: number,
  behaviours: Record<string, Behaviour> = {},
): Simulation {
  const simulation = simulate(({ release }) => behaviours[release] ?? {})
  for (const release of releases) {
    upgrade(simulation, release, limit)
    simulation.settle()
  }
  return simulation
}

test('reduce() keeps revisionHistoryLimit old revisions', () => {
  assert.deepEqual(numbers(simulationAfter(['a', 'b', 'c', 'd', 'e'], 2)), [3, 4, 5])
  assert.deepEqual(numbers(simulationAfter(['a', 'b', 'c'], 0)), [3])
  assert.deepEqual(numbers(simulationAfter(['a', 'b', 'c'], 10)), [1, 2, 3])
})

test('reduce() keeps an old revision while one of its instances drains', () => {
  const simulation = simulationAfter(['a'], 0, { a: { drainMs: 20_000 } })
  upgrade(simulation, 'b', 0)
  simulation.advance(1000)
  assert.deepEqual([simulation.state.rollout, simulation.state.stable], [null, 2])
  assert.deepEqual(numbers(simulation), [1, 2])
  simulation.settle()
  assert.deepEqual(numbers(simulation), [2])
})

test('reduce() keeps the stable revision when many later ones fail, and never uses a number twice', () => {
  const broken: Behaviour = { readyMs: null, exit: { afterMs: 10, code: 1 } }
  const simulation = simulationAfter(['a', 'b', 'c', 'd'], 1, { b: broken, c: broken, d: broken })
  assert.equal(simulation.state.stable, 1)
  assert.deepEqual(numbers(simulation), [1, 4])
  upgrade(simulation, 'e', 0)
  simulation.settle()
  assert.deepEqual([simulation.state.stable, numbers(simulation)], [5, [5]])
})
