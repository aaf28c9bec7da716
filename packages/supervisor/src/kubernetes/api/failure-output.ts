import type { Failure } from '../../model/index.js'
import type { Trouble, Verdict } from '../rollout/index.js'
import type { Cluster } from './ports.js'
import { podLog } from './resources.js'

/** Adds the last 20 lines of the failed pod's log to the failure. */
export async function withOutput(
  cluster: Cluster,
  { failure, trouble }: Extract<Verdict, { type: 'failed' }>,
): Promise<Failure> {
  const printed = trouble !== null && hasOutput(trouble) ? await podLog(cluster, trouble.pod, 20) : []
  return printed.length > 0 ? { ...failure, output: printed } : failure
}

/** A pod that never started has no output. */
const hasOutput = (trouble: Trouble): trouble is Trouble & { pod: NonNullable<Trouble['pod']> } =>
  trouble.pod !== null && ['crash', 'probe', 'slow'].includes(trouble.type)
