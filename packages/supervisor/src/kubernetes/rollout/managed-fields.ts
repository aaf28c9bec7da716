import type { FieldsV1, ManagedFields, ObjectMeta } from './objects.js'

/** Name of handover's field manager, in server-side apply and in every patch. */
export const fieldManager = 'handover'

/**
 * Name of another field manager that owns the container's image through server-side apply, such as a GitOps
 * controller. Its next apply would set the image back. Returns null if there is none. A manager that only patched the
 * image is not an owner.
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
 * The managed fields to set before an apply. Returns null if nothing has to change. Fields of the pod template that
 * handover's patches wrote (an upgrade's image, an undone template) move to its applied fields. Otherwise the apply
 * would conflict with them, and a field that an undo restored would stay, since no apply would remove it. Replicas
 * that the manifest does not set (a HorizontalPodAutoscaler owns them) are released. Otherwise the apply would set the
 * default, 1.
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

/** `restartedAt` stays with the patch that set it: an apply that removed it would restart the pods again. */
function splitRestart(template: FieldsV1): { kept: FieldsV1; restart: FieldsV1 | null } {
  if (!has(template, restartedAt)) return { kept: template, restart: null }
  const restart = restartedAt.reduceRight<FieldsV1>((inner, key) => ({ [key]: inner }), {})
  return { kept: without(template, restartedAt), restart }
}

function union(a: FieldsV1, b: FieldsV1): FieldsV1 {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  return Object.fromEntries(keys.map((key) => [key, union(a[key] ?? {}, b[key] ?? {})]))
}

/** Removes the field, and parents that become empty. */
function without(fields: FieldsV1, [first, ...rest]: string[]): FieldsV1 {
  if (first === undefined) return fields
  const { [first]: inner, ...others } = fields
  if (inner === undefined) return fields
  if (rest.length === 0) return others
  const left = without(inner, rest)
  return Object.keys(left).length === 0 ? others : { ...others, [first]: left }
}
