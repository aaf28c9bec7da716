import type { Event, ServiceState } from '../model/index.js'
import { retain } from './retention.js'
import { isInstanceEvent, reduceInstance } from './reduce-instance.js'
import { reduceRollout } from './reduce-rollout.js'

/**
 * The state after an event. Events can arrive late and a journal can be replayed, so an event about an instance that
 * is gone, or the repetition of an event that happens once, changes nothing.
 */
export function reduce(state: ServiceState, event: Event): ServiceState {
  const after = isInstanceEvent(event) ? reduceInstance(state, event) : reduceRollout(state, event)
  // A new revision becomes the target only with the next event, RolloutStarted. Until then it must not be deleted.
  return event.type === 'RevisionCreated' ? after : retain(after)
}
