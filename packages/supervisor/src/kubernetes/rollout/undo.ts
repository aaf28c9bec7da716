import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { Deployment, ReplicaSet } from './objects.js'
import { annotations } from './objects.js'
import { causeOf, failedRevisions } from './history.js'
import { withoutHash } from './template.js'
import type { Watched } from './watched.js'
import { newReplicaSet, replicaSetsOf, revisionNumber } from './watched.js'

/** One operation of a JSON patch (RFC 6902). */
export interface PatchOperation {
  op: 'test' | 'replace' | 'add' | 'remove'
  path: string
  value?: unknown
}

/**
 * Like `kubectl rollout undo`: sets the pod template and the cause back to those of the ReplicaSet. The patch tests
 * the generation, so the server refuses it if another client has changed the Deployment. `failed` is the number of the
 * revision that failed. It is added to the annotation.
 */
export function undoPatch(
  deployment: Deployment,
  set: ReplicaSet,
  failed: number | null = null,
): PatchOperation[] {
  const { [annotations.changeCause]: _, ...others } = deployment.metadata.annotations ?? {}
  const cause = causeOf(set)
  const failures = [...failedRevisions(deployment), ...(failed === null ? [] : [failed])]
  return [
    { op: 'test', path: '/metadata/generation', value: deployment.metadata.generation },
    { op: 'replace', path: '/spec/template', value: withoutHash(set.spec.template) },
    {
      op: 'add',
      path: '/metadata/annotations',
      value: {
        ...others,
        ...(cause !== null && { [annotations.changeCause]: cause }),
        ...(failures.length > 0 && {
          [annotations.failedRevisions]: failures.slice(-failuresKept).join(','),
        }),
      },
    },
  ]
}

/** More than the default of revisionHistoryLimit, 10. */
const failuresKept = 20

/** The revision to roll back to: `toRevision`, or the newest one before the current that has not failed. */
export function undoTarget(watched: Watched, toRevision: number | null): Result<ReplicaSet> {
  const sets = replicaSetsOf(watched).filter((set) => revisionNumber(set) > 0)
  const current = newReplicaSet(watched)
  const { name } = watched
  if (toRevision === null) {
    const failures = failedRevisions(watched.deployment)
    const others = sets.filter((set) => set !== current)
    const previous = others.findLast((set) => !failures.includes(revisionNumber(set)))
    if (previous) return ok(previous)
    const none = `"${name}" has no revision before the current one to go back to`
    const numbers = others.map(revisionNumber).join(', ')
    return failed(
      'Refused',
      numbers === ''
        ? none
        : `${none}, except ${numbers}, which failed: use --to-revision to roll back to it`,
    )
  }
  const set = sets.find((candidate) => revisionNumber(candidate) === toRevision)
  if (!set)
    return failed(
      'Usage',
      `"${name}" has no revision ${toRevision}, wanted one of ${sets.map(revisionNumber).join(', ')}`,
    )
  return set === current ? failed('Refused', `"${name}" already runs revision ${toRevision}`) : ok(set)
}

/**
 * The revision that a failed rollout rolls back to. This is the current one, or the newest one with an available pod
 * if the current one has none, because an earlier rollout failed and was not undone.
 */
export function stableSet(watched: Watched): ReplicaSet | null {
  const isServing = (set: ReplicaSet) => (set.status?.availableReplicas ?? 0) > 0
  const current = newReplicaSet(watched)
  if (current && isServing(current)) return current
  return replicaSetsOf(watched).findLast(isServing) ?? current ?? null
}
