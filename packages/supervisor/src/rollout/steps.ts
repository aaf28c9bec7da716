import type { ServiceState } from '../model/index.js'
import { drainFailed, restartCrashed } from './crashes.js'
import { judgeRollout } from './judge.js'
import { dropFailedRevision } from './rollback.js'
import { inPlace } from './in-place.js'
import { recreate, rollingUpdate } from './strategies.js'
import { keepSize, scaleProportionally } from './scaling.js'
import type { Step } from './step.js'
import { finishStop, killOverdue, stopEverything } from './stopping.js'

/**
 * The steps in order of precedence: the first that returns actions wins. Scaling comes before the rollout, as in
 * Kubernetes. Restarts come last: an earlier step may decide that the crashed instance is drained instead.
 */
export function steps(state: ServiceState): Step[] {
  if (state.stopping) return [killOverdue, stopEverything, finishStop]
  return [
    killOverdue,
    judgeRollout,
    dropFailedRevision,
    scaleProportionally,
    drainFailed,
    strategyOf(state),
    restartCrashed,
  ]
}

function strategyOf(state: ServiceState): Step {
  const { rollout, paused } = state
  if (rollout !== null && paused) return keepSize
  const type = state.revisions.find(({ number }) => number === state.target)?.spec.strategy.type
  if (rollout !== null && type === 'InPlace') return inPlace
  return rollout !== null && type === 'Recreate' ? recreate : rollingUpdate
}
