import type { PodTemplate } from './objects.js'

/** The deployment controller labels a ReplicaSet's template with its hash; the Deployment's has none. */
const hashLabel = 'pod-template-hash'

/** A ReplicaSet's template as the Deployment has it. */
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
