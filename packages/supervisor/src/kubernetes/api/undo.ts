import type { Deployment, ReplicaSet } from '../rollout/index.js'
import { sameTemplate, undoPatch } from '../rollout/index.js'
import { refused } from './failures.js'
import type { Answer, ApiFailure, Cluster } from './ports.js'
import { patchDeployment, readDeployment } from './resources.js'

/** Generations that may pass by (an autoscaler scales) while we ask for the one that we saw. */
const attempts = 5

/**
 * Gives the Deployment the ReplicaSet's template back, unless it is paused or has another template by now. Asked
 * again after an answer that was lost, it finds that it is done. `failed`: the number of the revision that is undone
 * for its failure.
 */
export async function undoTo(
  cluster: Cluster,
  deployment: Deployment,
  set: ReplicaSet,
  failed: number | null = null,
): Promise<Answer<Deployment>> {
  const { name } = deployment.metadata
  let seen = deployment
  for (let attempt = 1; ; attempt += 1) {
    const undone = await patchDeployment(cluster, name, undoPatch(seen, set, failed))
    if (undone.ok || attempt === attempts || !isOutdated(undone.failure)) return undone
    const now = await readDeployment(cluster, name)
    if (!now.ok) return now
    seen = now.value
    if (sameTemplate(seen.spec.template, set.spec.template)) return now
    const changed = whatChanged(deployment, seen)
    if (changed) return refused({ status: 409, code: 'Conflict', message: changed })
  }
}

/** The test of the patch failed: 422; some versions say 409. */
const isOutdated = ({ status }: ApiFailure): boolean => status === 422 || status === 409

function whatChanged(before: Deployment, now: Deployment): string | null {
  const { name } = now.metadata
  if (now.spec.paused) return `Deployment "${name}" was paused meanwhile: resume it before you undo it`
  return sameTemplate(before.spec.template, now.spec.template)
    ? null
    : `Deployment "${name}" was given another template meanwhile: nothing was undone`
}
