import type { Deployment, ReplicaSet } from '../rollout/index.js'
import { sameTemplate, undoPatch } from '../rollout/index.js'
import { refused } from './failures.js'
import type { Answer, ApiFailure, Cluster } from './ports.js'
import { patchDeployment, readDeployment } from './resources.js'

/** Attempts, each with the Deployment's newest generation: an autoscaler may change it in between. */
const attempts = 5

/**
 * Sets the Deployment's template back to that of the ReplicaSet. Refuses with `Conflict` if the Deployment was paused
 * or its template was changed meanwhile. Idempotent. `failed`: number of the revision that is undone because it failed.
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

/** The status when the patch's test fails: 422, in some versions 409. */
const isOutdated = ({ status }: ApiFailure): boolean => status === 422 || status === 409

function whatChanged(before: Deployment, now: Deployment): string | null {
  const { name } = now.metadata
  if (now.spec.paused) return `Deployment "${name}" was paused meanwhile: resume it before you undo it`
  return sameTemplate(before.spec.template, now.spec.template)
    ? null
    : `the pod template of Deployment "${name}" was changed meanwhile: nothing was undone`
}
