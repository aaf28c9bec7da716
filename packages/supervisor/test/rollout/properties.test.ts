import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ServiceState } from '../../dist/model/index.js'
import { explain, initialState, plan, receiptOf, reduce } from '../../dist/rollout/index.js'
import { limitsOf } from '../../dist/rollout/fenceposts.js'
import { countAvailable, isLiving, targetSpec } from '../../dist/rollout/instances.js'
import { listeningSpec, rolling } from './specs.js'
import { anything, broken, event, story, wellBehaved } from './stories.js'
import type { Happening } from './stories.js'
import type { Behaviour, Simulation, Step, SimulationObserver } from './simulation.js'
import { simulate } from './simulation.js'

const numRuns = Number(process.env.RUNS ?? 300)

/** The nth process that is started behaves like the nth of these. The list repeats. */
const scriptOf = (behaviours: Behaviour[]) => {
  let started = 0
  return () => behaviours[started++ % behaviours.length] ?? {}
}

function play(simulation: Simulation, happenings: Happening[]): void {
  for (const happening of happenings) {
    if (happening.type === 'wait') simulation.advance(happening.ms)
    else simulation.ask(happening.command)
  }
}

const living = (state: ServiceState) => state.instances.filter(isLiving)

function boundsOf(state: ServiceState) {
  const spec = targetSpec(state)
  assert.ok(spec)
  return limitsOf(spec, state.replicas)
}

/**
 * The two bounds of a rolling update, in a form that holds in every story, also when the service is scaled during the
 * rollout. They bound the actions, not the number of instances at any moment: after scaling down there may be too
 * many instances, and after a crash too few.
 */
const keepsBounds: SimulationObserver = {
  step({ actions, now }: Step) {
    for (const { action, state } of actions) {
      if (action.type === 'StartInstance' && !state.instances.some(({ id }) => id === action.instance)) {
        const { maxTotal } = boundsOf(state)
        assert.ok(living(state).length < maxTotal, `${action.instance} is one more than ${maxTotal}`)
      }
      if (action.type !== 'DrainInstance') continue
      if (action.reason === 'scale' || action.reason === 'stop') continue // fewer were asked for
      if (targetSpec(state)?.strategy.type === 'Recreate') continue // minAvailable is 0
      const instance = state.instances.find(({ id }) => id === action.instance)
      assert.ok(instance)
      const available = countAvailable(state, living(state), now)
      const isAvailable = countAvailable(state, [instance], now) === 1
      const servesOn = instance.failure?.code === 'MemoryExceeded' && state.rollout === null
      if (!isAvailable || (instance.failure !== null && !servesOn)) continue // it does not serve
      const { minAvailable } = boundsOf(state)
      assert.ok(
        available > minAvailable,
        `draining ${instance.id} leaves ${available - 1} of ${minAvailable}`,
      )
    }
  },
}

test('plan() never starts more than replicas + maxSurge, never drains below replicas - maxUnavailable', () => {
  fc.assert(
    fc.property(fc.array(anything, { minLength: 1, maxLength: 8 }), story, (behaviours, happenings) => {
      const simulation = simulate(scriptOf(behaviours), keepsBounds)
      play(simulation, happenings)
      simulation.settle(3600_000)
    }),
    { numRuns },
  )
})

test('plan() keeps the number of instances within both bounds when none crashes and the scale does not change', () => {
  fc.assert(
    fc.property(
      fc.array(wellBehaved, { minLength: 1, maxLength: 6 }),
      fc.tuple(fc.integer({ min: 1, max: 6 }), fc.nat(3), fc.nat(3)),
      fc.nat(2),
      (behaviours, [replicas, maxSurge, maxUnavailable], minReadySeconds) => {
        const change = { replicas, minReadySeconds, strategy: rolling(maxSurge, maxUnavailable) }
        const up = {
          type: 'Upgrade',
          revision: { spec: listeningSpec(change), release: '' },
          cause: '',
        } as const
        let rollouts = 0
        const simulation = simulate(scriptOf(behaviours), {
          step({ after, now }) {
            const { maxTotal, minAvailable } = boundsOf(after)
            assert.ok(living(after).length <= maxTotal)
            if (rollouts > 0) assert.ok(countAvailable(after, living(after), now) >= minAvailable)
          },
        })
        for (; rollouts < 3; rollouts++) {
          assert.ok(simulation.ask(up).ok)
          simulation.settle(3600_000)
          assert.equal(simulation.state.stable, rollouts + 1)
        }
      },
    ),
    { numRuns },
  )
})

test('plan() runs one rollout at a time, and folding all events yields the state', () => {
  fc.assert(
    fc.property(fc.array(anything, { minLength: 1, maxLength: 8 }), story, (behaviours, happenings) => {
      const simulation = simulate(scriptOf(behaviours))
      play(simulation, happenings)
      assert.deepEqual(simulation.events.reduce(reduce, initialState('web')), simulation.state)
      assert.deepEqual(
        JSON.parse(JSON.stringify(simulation.state)),
        simulation.state,
        'it survives the journal',
      )

      let open: number | null = null
      let state = initialState('web')
      for (const event of simulation.events) {
        if (event.type === 'RolloutStarted') {
          const stuck =
            state.rollout?.phase === 'rollingBack' && event.at - state.rollout.progressAt >= 20_000
          assert.ok(open === null || stuck, `rollout ${event.rollout} starts before ${open} has ended`)
          open = event.rollout
        }
        if (event.type === 'RolloutCompleted' || event.type === 'RolloutRolledBack') open = null
        if (event.type === 'RolloutFailed' && !event.rollingBack) open = null
        if (event.type === 'ServiceStopping') open = null
        state = reduce(state, event)
      }
    }),
    { numRuns },
  )
})

/** At least one replica: with none, every release succeeds, and a broken one could become the stable one. */
const servesSomething = (happening: Happening): boolean => {
  if (happening.type === 'wait') return true
  const { command } = happening
  if (command.type === 'Scale') return command.replicas > 0
  return command.type !== 'Upgrade' || command.revision.spec.replicas > 0
}

test('plan() ends every rollout with full service when processes behave', () => {
  const releases = fc.array(fc.oneof(wellBehaved, broken), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(wellBehaved, releases, story, (first, others, happenings) => {
      // A release is named after the number of the revision that introduced it, also after an undo to it.
      let named = 0
      const behaviours = new Map<string, Behaviour>([['first', first]])
      const simulation = simulate(({ release }) => behaviours.get(release) ?? {})
      const spec = listeningSpec({ replicas: 2 })
      simulation.ask({ type: 'Upgrade', revision: { spec, release: 'first' }, cause: 'start' })
      simulation.settle(600_000)
      assert.equal(simulation.state.stable, 1)
      for (const happening of happenings.filter(servesSomething)) {
        if (happening.type === 'ask' && happening.command.type === 'Upgrade') {
          const release = `release ${++named}`
          behaviours.set(release, others[named % others.length] ?? {})
          const { command } = happening
          play(simulation, [
            { type: 'ask', command: { ...command, revision: { ...command.revision, release } } },
          ])
        } else play(simulation, [happening])
      }
      if (simulation.state.paused) simulation.ask({ type: 'Resume' })
      simulation.settle(2 * 3600_000)
      const { state, now } = simulation
      if (state.stopping) return assert.ok(state.stopped && state.instances.length === 0)
      // There is no earlier revision to roll back to, so the broken one is tried again and again.
      if (state.rollout?.phase === 'failed') return assert.equal(state.rollout.from, null)
      assert.equal(state.rollout, null)
      assert.equal(countAvailable(state, state.instances, now), state.replicas)
      assert.ok(state.instances.every(({ revision }) => revision === state.target))
      assert.deepEqual(explain(state, now), [])
    }),
    { numRuns },
  )
})

test('reduce(), plan(), explain() and receiptOf() do not throw on any sequence of events', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.nat(200_000), (events, now) => {
      const state = events.reduce(reduce, initialState('web'))
      const { actions } = plan(state, now)
      assert.ok(actions.length < 100)
      explain(state, now)
      receiptOf(events)
    }),
    { numRuns: numRuns * 3 },
  )
})
