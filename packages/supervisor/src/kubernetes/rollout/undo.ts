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
 * What `kubectl rollout undo` does: the pod template becomes that of the ReplicaSet again, and its cause with it.
 * Of this generation only: when somebody paused it or rolled something else meanwhile, the server refuses all of it.
 * `failed`: the number of the revision whose failure is the reason; it is written down.
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

/** More than a history has by default (revisionHistoryLimit is 10). */
const failuresKept = 20

/** What to go back to: the revision of that number, else the newest one before the present that has not failed. */
export function undoTarget(watched: Watched, toRevision: number | null): Result<ReplicaSet> {
  const sets = replicaSetsOf(watched).filter((set) => revisionNumber(set) > 0)
  const current = newReplicaSet(watched)
  const { name } = watched
  if (toRevision === null) {
    const failures = failedRevisions(watched.deployment)
    const others = sets.filter((set) => set !== current)
    const previous = others.findLast((set) => !failures.includes(revisionNumber(set)))
    if (previous) return ok(previous)
    const none = `Deployment "${name}" has no revision before the present one to go back to`
    const numbers = others.map(revisionNumber).join(', ')
    return failed(
      'Refused',
      numbers === '' ? none : `${none}, but for ${numbers}, which failed: --to-revision goes there`,
    )
  }
  const set = sets.find((candidate) => revisionNumber(candidate) === toRevision)
  if (!set)
    return failed(
      'Usage',
      `Deployment "${name}" has no revision ${toRevision}: it has ${sets.map(revisionNumber).join(', ')}`,
    )
  return set === current
    ? failed('Refused', `Deployment "${name}" runs revision ${toRevision} already`)
    : ok(set)
}

/**
 * Where a failed rollout goes back to, known before it begins: what the Deployment runs now; or, when no pod of
 * that is available (an earlier rollout failed and was left standing), the newest revision that has one.
 */
export function stableSet(watched: Watched): ReplicaSet | null {
  const isServing = (set: ReplicaSet) => (set.status?.availableReplicas ?? 0) > 0
  const current = newReplicaSet(watched)
  if (current && isServing(current)) return current
  return replicaSetsOf(watched).findLast(isServing) ?? current ?? null
}
