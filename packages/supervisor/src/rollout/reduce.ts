import type { Event, ServiceState } from '../model/index.js'
import { retain } from './retention.js'
import { isInstanceEvent, reduceInstance } from './reduce-instance.js'
import { reduceRollout } from './reduce-rollout.js'

/**
 * The state after an event. Total: an event about an instance that is gone, or a second one of a kind that
 * happens once, changes nothing, for the world may report late and a journal may be replayed.
 */
export function reduce(state: ServiceState, event: Event): ServiceState {
  const after = isInstanceEvent(event) ? reduceInstance(state, event) : reduceRollout(state, event)
  // A revision that was just created is nobody's target yet: its rollout starts with the next event.
  return event.type === 'RevisionCreated' ? after : retain(after)
}
