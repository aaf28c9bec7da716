import type { PodTemplate } from './objects.js'

/** The deployment controller adds this label to a ReplicaSet's template. The Deployment's template does not have it. */
const hashLabel = 'pod-template-hash'

/** The template without the label that the deployment controller adds. */
export function withoutHash(template: PodTemplate): PodTemplate {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {}
  return { ...template, metadata: { ...template.metadata, labels } }
}

/** Compares like the deployment controller (EqualIgnoreHash): ignores the hash and the order of fields. */
export const sameTemplate = (a: PodTemplate, b: PodTemplate): boolean =>
  canonical(withoutHash(a)) === canonical(withoutHash(b))

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
