import type { Instance, ServiceState } from '../model/index.js'
import { backOffMs, countedCrashes } from './backoff.js'
import { hasProgram } from './instances.js'

/**
 * Whether an instance above its memory limit is replaced now.
 *
 * - No rollout: yes, once it has run as long as its back-off. An instance above its limit still serves, so in a loop
 *   of replacements the back-off is spent serving and not waiting.
 * - During a rollout: only instances of the new revision, for which the rollout then fails. They would be replaced
 *   again and again. The rollout replaces the old instances anyway.
 * - During a rollback: no.
 */
export function isMemoryLimitEnforced(
  { rollout, target }: ServiceState,
  instance: Instance,
  now: number,
): boolean {
  if (!hasProgram(instance) || instance.failure !== null) return false
  if (rollout !== null) return rollout.phase !== 'rollingBack' && instance.revision === target
  const ranMs = now - instance.startedAt
  return ranMs >= backOffMs(countedCrashes(instance.crashes, ranMs))
}

export const isOverMemory = ({ failure }: Instance): boolean => failure?.code === 'MemoryExceeded'

/** The reason for draining an instance that needs to be replaced. */
export const replacementReason = (instance: Instance): 'memory' | 'liveness' =>
  isOverMemory(instance) ? 'memory' : 'liveness'
