import type { Instance, ServiceState } from '../model/index.js'
import { backOffMs, remembered } from './backoff.js'
import { hasProgram } from './instances.js'

/**
 * Whether an instance above its memory limit is to be replaced for it now.
 *
 * - No rollout goes on: yes, once it has run as long as its back-off. The limit bounds what a leak costs, and
 *   the instance still serves: in a loop of replacements it goes on serving meanwhile, rather than being away.
 * - A rollout goes on: its old instances are left to it. A new one above its limit would be replaced over and
 *   over: it fails the rollout, as one that fails its liveness probe does.
 * - A rollback goes on: it is left in peace.
 */
export function isHeldToMemory({ rollout, target }: ServiceState, instance: Instance, now: number): boolean {
  if (!hasProgram(instance) || instance.failure !== null) return false
  if (rollout !== null) return rollout.phase !== 'rollingBack' && instance.revision === target
  const ranMs = now - instance.startedAt
  return ranMs >= backOffMs(remembered(instance.crashes, ranMs))
}

export const isOverMemory = ({ failure }: Instance): boolean => failure?.code === 'MemoryExceeded'

/** Why an instance goes that failed while it lived. */
export const condemnedReason = (instance: Instance): 'memory' | 'liveness' =>
  isOverMemory(instance) ? 'memory' : 'liveness'
