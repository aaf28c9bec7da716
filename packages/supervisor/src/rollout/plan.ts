import type { Action, Plan, ServiceState } from '../model/index.js'
import { progressDeadline } from './deadline.js'
import { explain } from './explain.js'
import { availableAt, isLiving } from './instances.js'
import { intent } from './intent.js'
import { reduce } from './reduce.js'
import { steps } from './steps.js'

/**
 * What to do now, and when to plan again even if no event arrives.
 *
 * A plan depends on the state and the time only, so it can be made again after a restart. The intents of each step
 * are reduced before the next step runs, until no step has anything left to do. So planning again after the intents
 * of a plan were reduced yields no further actions.
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
  throw new Error(`the plan of "${state.name}" never ends: two steps undo each other`)
}

/** A step handles everything that concerns it at once, so a few rounds are enough. More than this is a bug. */
const maxRounds = 1000

function firstNonEmpty(state: ServiceState, now: number): Action[] {
  for (const step of steps(state)) {
    const actions = step(state, now)
    if (actions.length > 0) return actions
  }
  return []
}

/** The next time at which the plan or its explanation changes without an event. */
function wakeAt(state: ServiceState, now: number): number | null {
  const times: (number | null)[] = state.instances.map((instance) => {
    if (instance.state === 'draining') return instance.killed ? null : instance.deadline
    if (instance.state === 'crashed') return instance.restartAt
    return isLiving(instance) ? availableAt(state, instance) : null
  })
  times.push(progressDeadline(state, now))
  const future = times.filter((time) => time !== null && time > now) as number[]
  return future.length === 0 ? null : Math.min(...future)
}
