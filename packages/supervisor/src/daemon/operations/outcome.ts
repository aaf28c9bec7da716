import type { Failure, Receipt } from '../../model/index.js'
import type { WaitFor } from '../../control/api.js'
import { exitCodes, worstExitCode } from '../../control/api.js'
import type { Engine } from '../../engine/index.js'
import type { Outcome, Task } from './task.js'
import { codeOfRefusal } from './task.js'

/** Waits until the rollouts have ended, streams their receipts, and derives one exit code. */
export async function outcomeOf(
  task: Task,
  { rolling, refusals }: { rolling: string[]; refusals: Failure[] },
  wait: WaitFor | undefined,
): Promise<Outcome> {
  const codes = refusals.map(codeOfRefusal)
  const failures = [...refusals]
  await Promise.all(
    rolling.map(async (service) => {
      const receipt = await receiptOf(task, service, wait)
      if (receipt) task.tell({ type: 'receipt', receipt })
      if (receipt?.failure) failures.push(receipt.failure)
      codes.push(codeOf(receipt))
    }),
  )
  return { exitCode: worstExitCode(codes), failures }
}

/** Null if the service was stopped before its rollout ended. */
async function receiptOf({ engine, following }: Task, service: string, wait: WaitFor | undefined) {
  const ended = await following.rolloutEnded(service)
  if (ended === null || wait !== 'drained') return ended
  await following.until(() => draining(engine, service) === 0)
  return engine.service(service)?.receipt ?? ended
}

const draining = (engine: Engine, service: string): number =>
  engine.service(service)?.state.instances.filter(({ state }) => state === 'draining').length ?? 0

function codeOf(receipt: Receipt | null): number {
  switch (receipt?.outcome) {
    case 'complete':
      return exitCodes.done
    case 'rolled-back':
      return exitCodes.rolledBack
    case 'failed':
    case 'stopped':
    case undefined:
      return exitCodes.failed
  }
}
