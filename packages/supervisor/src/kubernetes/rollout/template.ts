import type { PodTemplate } from './objects.js'

/** The deployment controller labels a ReplicaSet's template with its hash; the Deployment's has none. */
const hashLabel = 'pod-template-hash'

/** A ReplicaSet's template as it stands in a Deployment. */
export function withoutHash(template: PodTemplate): PodTemplate {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {}
  return { ...template, metadata: { ...template.metadata, labels } }
}

/** As the deployment controller compares (EqualIgnoreHash): equal but for the hash, in whatever order. */
export const sameTemplate = (a: PodTemplate, b: PodTemplate): boolean =>
  canonical(withoutHash(a)) === canonical(withoutHash(b))

/** JSON with its keys in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
