import type { Deployment, ObjectMeta, PodTemplate } from '../rollout/index.js'
import { annotations, fieldManager, ownWrites, sameTemplate } from '../rollout/index.js'
import { done, refused } from './failures.js'
import type { Answer, ApiFailure, Call, Cluster } from './ports.js'

/** A rendered object as it is sent to the server. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: unknown; annotations?: unknown }
}

interface Live extends Manifest {
  metadata: ObjectMeta
}

/** One object to apply, with its present state in the cluster. */
export interface Application {
  manifest: Manifest
  /** Null: it does not exist yet. */
  live: Live | null
  /** Whether a Deployment gets another pod template, and so a new revision. */
  rolls: boolean
}

export type Applied = 'created' | 'changed' | 'unchanged'

export const titleOf = ({ kind, metadata }: Manifest): string => `${kind} "${metadata.name}"`

export const namespaceOf = ({ metadata }: Manifest, cluster: Cluster): string =>
  typeof metadata.namespace === 'string' ? metadata.namespace : cluster.namespace

/**
 * Lets the server check every object without storing it (dryRun=All), so that an unknown field, a missing right or
 * a conflict shows before the first object is applied.
 */
export async function rehearse(
  cluster: Cluster,
  manifests: Manifest[],
  force: boolean,
): Promise<Answer<Application[]>> {
  const applications: Application[] = []
  for (const manifest of manifests) {
    const live = await cluster.call({ method: 'GET', path: pathOf(manifest, cluster) })
    if (!live.ok && live.failure.status !== 404) return refusedFor(manifest, live.failure, cluster)
    const rehearsed = await send(cluster, manifest, force, { dryRun: 'All' })
    if (!rehearsed.ok) return refusedFor(manifest, rehearsed.failure, cluster)
    applications.push(applicationOf(manifest, live.ok ? (live.value as Live) : null, rehearsed.value as Live))
  }
  return done(applications)
}

function applicationOf(manifest: Manifest, live: Live | null, rehearsed: Live): Application {
  const rolls =
    manifest.kind === 'Deployment' && live !== null && !sameTemplate(templateOf(live), templateOf(rehearsed))
  return { manifest, live, rolls }
}

const templateOf = (object: Live): PodTemplate => (object as unknown as Deployment).spec.template

/** Sets the change cause: `cause` for a new revision, otherwise that of the present revision. */
function withCause({ manifest, live, rolls }: Application, cause: string): Manifest {
  if (manifest.kind !== 'Deployment') return manifest
  const kept = live?.metadata.annotations?.[annotations.changeCause]
  const value = rolls || !live ? cause : kept
  if (value === undefined) return manifest
  const given = (manifest.metadata as { annotations?: Record<string, string> }).annotations
  const own = { [annotations.changeCause]: value, ...given }
  return { ...manifest, metadata: { ...manifest.metadata, annotations: own } }
}

/** Server-side apply with the field manager `handover`; fields that its own patches wrote do not conflict. */
export async function applyOne(
  cluster: Cluster,
  application: Application,
  force: boolean,
  cause: string,
): Promise<Answer<{ object: Deployment; result: Applied }>> {
  const { live } = application
  const manifest = withCause(application, cause)
  if (live && manifest.kind === 'Deployment') {
    const claimed = await claim(cluster, manifest, live)
    if (!claimed.ok) return refusedFor(manifest, claimed.failure, cluster)
  }
  const answer = await send(cluster, manifest, force, {})
  if (!answer.ok) return refusedFor(manifest, answer.failure, cluster)
  const object = answer.value as Deployment
  const same = live !== null && sameContent(live, object)
  return done({ object, result: live === null ? 'created' : same ? 'unchanged' : 'changed' })
}

/** Compares everything except status and the metadata that the server writes. */
function sameContent(a: object, b: object): boolean {
  const content = (object: object) => {
    const { metadata, status: _, ...rest } = object as { metadata: ObjectMeta; status?: unknown }
    return JSON.stringify([rest, metadata.labels, metadata.annotations])
  }
  return content(a) === content(b)
}

/** Moves fields of handover's patches into what it applied: see `ownWrites`. */
async function claim(cluster: Cluster, manifest: Manifest, { metadata }: Live): Promise<Answer<unknown>> {
  const { spec } = manifest as { spec?: { replicas?: number } }
  const managedFields = ownWrites(metadata, spec?.replicas !== undefined)
  if (managedFields === null) return done(null)
  return cluster.call({
    method: 'PATCH',
    path: pathOf(manifest, cluster),
    query: { fieldManager },
    contentType: 'application/json-patch+json',
    body: [{ op: 'replace', path: '/metadata/managedFields', value: managedFields }],
  })
}

async function send(
  cluster: Cluster,
  manifest: Manifest,
  force: boolean,
  query: Record<string, string>,
): Promise<Answer<unknown>> {
  const call: Call = {
    method: 'PATCH',
    path: pathOf(manifest, cluster),
    query: { fieldManager, force: String(force), ...query },
    contentType: 'application/apply-patch+yaml', // JSON is YAML
    body: { ...manifest, metadata: { ...manifest.metadata, namespace: namespaceOf(manifest, cluster) } },
  }
  const answer = await cluster.call(call)
  return !answer.ok && isOurOwn(answer.failure)
    ? cluster.call({ ...call, query: { ...call.query, force: 'true' } })
    : answer
}

const isOurOwn = ({ status, causes = [] }: ApiFailure): boolean =>
  status === 409 && causes.length > 0 && causes.every(({ message }) => message.includes(`"${fieldManager}"`))

const plurals: Record<string, string> = { Ingress: 'ingresses' }

function pathOf(manifest: Manifest, cluster: Cluster): string {
  const { apiVersion, kind, metadata } = manifest
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const resource = plurals[kind] ?? `${kind.toLowerCase()}s`
  const namespace = encodeURIComponent(namespaceOf(manifest, cluster))
  return `${root}/namespaces/${namespace}/${resource}/${encodeURIComponent(metadata.name)}`
}

function refusedFor(
  manifest: Manifest,
  failure: ApiFailure,
  cluster: Cluster,
): { ok: false; failure: ApiFailure } {
  return refused({ ...failure, message: sentenceFor(manifest, failure, cluster) })
}

function sentenceFor(manifest: Manifest, failure: ApiFailure, cluster: Cluster): string {
  const { status, causes = [], message } = failure
  const title = titleOf(manifest)
  if (status === 409 && causes.length > 0) {
    const fields = causes.map(({ field, message: text }) => `${field} (${text})`).join(', ')
    return `${title}: other field managers own fields that would change: ${fields}; remove them from the configuration, or take them over with --force-conflicts`
  }
  if (status === 404 && /^namespaces /.test(message))
    return `${title}: namespace "${namespaceOf(manifest, cluster)}" does not exist in context "${cluster.context}": create it, or choose another with --namespace`
  if (status === 404)
    return `${title}: ${cluster.server} does not serve ${manifest.apiVersion} of ${manifest.kind} (${message})`
  return `${title}: ${message}`
}
