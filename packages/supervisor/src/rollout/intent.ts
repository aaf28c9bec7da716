import type { Action, EventBody } from '../model/index.js'

/** The event that states the intent of an action. It is journaled and reduced before the action is carried out. */
export function intent(action: Action, now: number): EventBody {
  switch (action.type) {
    case 'StartInstance': {
      const { instance, revision, restarts } = action
      return { type: 'InstanceStarting', instance, revision, restarts }
    }
    case 'DrainInstance': {
      const { instance, reason, graceSeconds } = action
      return { type: 'InstanceDraining', instance, reason, deadline: now + graceSeconds * 1000 }
    }
    case 'KillInstance':
      return { type: 'InstanceKilled', instance: action.instance }
    case 'ExecInstance':
      return { type: 'InstanceExecuting', instance: action.instance, revision: action.revision }
    case 'CompleteRollout':
      return { type: 'RolloutCompleted', rollout: action.rollout }
    case 'FailRollout': {
      const { rollout, failure, rollBack } = action
      return { type: 'RolloutFailed', rollout, failure, rollingBack: rollBack }
    }
    case 'FinishRollback':
      return { type: 'RolloutRolledBack', rollout: action.rollout }
    case 'FinishStop':
      return { type: 'ServiceStopped' }
  }
}
