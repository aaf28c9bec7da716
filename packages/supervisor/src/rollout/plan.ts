import type { Action, Plan, ServiceState } from '../model/index.js'
import { progressDeadline } from './deadline.js'
import { explain } from './explain.js'
import { availableAt, isLiving } from './instances.js'
import { intent } from './intent.js'
import { reduce } from './reduce.js'
import { steps } from './steps.js'

/**
 * What should be done now, and when to look again though nothing happened.
 *
 * Everything follows from the state alone: a plan remembers nothing, so it can be made again after a restart.
 * Each step's intents are reduced before the next step is asked, until no step has anything more to do:
 * therefore planning again after the intents of a plan were reduced gives no further actions.
 */
export function plan(state: ServiceState, now: number): Plan {
  const actions: Action[] = []
  let planned = state
  for (let round = 0; round < maxRounds; round++) {
    const next = firstNonEmpty(planned, now)
    if (next.length === 0) return { actions, wakeAt: wakeAt(planned, now), waiting: explain(planned, now) }
    actions.push(...next)
    for (const action of next)
      planned = reduce(planned, { service: state.name, at: now, ...intent(action, now) })
  }
  throw new Error(`the plan of "${state.name}" does not come to rest: two steps undo each other`)
}

/** A step acts on everything that concerns it at once, so a few rounds do. Beyond this there is a bug. */
const maxRounds = 1000

function firstNonEmpty(state: ServiceState, now: number): Action[] {
  for (const step of steps(state)) {
    const actions = step(state, now)
    if (actions.length > 0) return actions
  }
  return []
}

/** The next moment at which time alone changes what should be done, or what can be said. */
function wakeAt(state: ServiceState, now: number): number | null {
  const times: (number | null)[] = state.instances.map((instance) => {
    if (instance.state === 'draining') return instance.killed ? null : instance.deadline
    if (instance.state === 'crashed') return instance.restartAt
    return isLiving(instance) ? availableAt(state, instance) : null
  })
  times.push(progressDeadline(state, now))
  const coming = times.filter((time) => time !== null && time > now) as number[]
  return coming.length === 0 ? null : Math.min(...coming)
}
