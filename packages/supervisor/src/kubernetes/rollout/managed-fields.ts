import type { FieldsV1, ManagedFields, ObjectMeta } from './objects.js'

/** Our name as a field manager: in server-side apply, and in every patch. */
export const fieldManager = 'handover'

/**
 * Who has declared the image of that container by server-side apply, and would put it back at its next apply:
 * a GitOps controller for example. Null if nobody but us has. Somebody who merely changed it once is no owner.
 */
export function imageOwner({ managedFields = [] }: ObjectMeta, container: string): string | null {
  const path = ['f:spec', 'f:template', 'f:spec', 'f:containers', `k:{"name":"${container}"}`, 'f:image']
  const owner = managedFields.find(
    ({ manager, operation, fieldsV1 }) =>
      operation === 'Apply' && manager !== fieldManager && has(fieldsV1, path),
  )
  return owner?.manager ?? null
}

const has = (fields: FieldsV1 | undefined, [first, ...rest]: string[]): boolean => {
  if (first === undefined) return true
  const inner = fields?.[first]
  return inner !== undefined && has(inner, rest)
}

/**
 * Before an apply: the pod template's fields that our own patches wrote (an upgrade's image, an undone template)
 * are taken into what we have applied. Otherwise the apply would conflict with ourselves, and a field that an undo
 * brought back would stay for ever, since nobody's apply takes it away. Replicas that the manifest does not name
 * (a HorizontalPodAutoscaler has them) are let go, or the apply would set them to their default, 1. Null: nothing
 * is to be changed.
 */
export function ownWrites(meta: ObjectMeta, namesReplicas: boolean): ManagedFields[] | null {
  const { managedFields = [] } = meta
  const written = managedFields.find(isOurs('Update'))
  const applied = managedFields.find(isOurs('Apply'))
  const template = written?.fieldsV1?.['f:spec']?.['f:template']
  const lettingGo = !namesReplicas && has(applied?.fieldsV1, ['f:spec', 'f:replicas'])
  if (!applied || (template === undefined && !lettingGo)) return null
  const { kept, restart } = splitRestart(template ?? {})
  return managedFields.flatMap((entry) => {
    if (entry === applied) {
      const merged = union(applied.fieldsV1 ?? {}, { 'f:spec': { 'f:template': kept } })
      return { ...entry, fieldsV1: lettingGo ? without(merged, ['f:spec', 'f:replicas']) : merged }
    }
    if (entry !== written || template === undefined) return entry
    const rest = without(entry.fieldsV1 ?? {}, ['f:spec', 'f:template'])
    const fieldsV1 = restart ? union(rest, { 'f:spec': { 'f:template': restart } }) : rest
    return Object.keys(fieldsV1).length === 0 ? [] : { ...entry, fieldsV1 }
  })
}

const isOurs =
  (wanted: string) =>
  ({ manager, operation, subresource }: ManagedFields): boolean =>
    manager === fieldManager && operation === wanted && !subresource

const restartedAt = ['f:metadata', 'f:annotations', 'f:kubectl.kubernetes.io/restartedAt']

/** When it was restarted stays with the patch that said so: an apply that took it away would restart it again. */
function splitRestart(template: FieldsV1): { kept: FieldsV1; restart: FieldsV1 | null } {
  if (!has(template, restartedAt)) return { kept: template, restart: null }
  const restart = restartedAt.reduceRight<FieldsV1>((inner, key) => ({ [key]: inner }), {})
  return { kept: without(template, restartedAt), restart }
}

function union(a: FieldsV1, b: FieldsV1): FieldsV1 {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  return Object.fromEntries(keys.map((key) => [key, union(a[key] ?? {}, b[key] ?? {})]))
}

/** Without that field, and without what is empty then. */
function without(fields: FieldsV1, [first, ...rest]: string[]): FieldsV1 {
  if (first === undefined) return fields
  const { [first]: inner, ...others } = fields
  if (inner === undefined) return fields
  if (rest.length === 0) return others
  const left = without(inner, rest)
  return Object.keys(left).length === 0 ? others : { ...others, [first]: left }
}
