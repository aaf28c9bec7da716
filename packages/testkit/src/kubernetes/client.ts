import https from 'node:https'
import type { IncomingMessage } from 'node:http'

/** As much of Kubernetes' objects as the kit reads itself. */
export interface KubernetesObject {
  apiVersion?: string
  kind?: string
  metadata: {
    name: string
    namespace?: string
    uid?: string
    generation?: number
    resourceVersion?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    creationTimestamp?: string
    deletionTimestamp?: string
    deletionGracePeriodSeconds?: number
    ownerReferences?: { kind: string; name: string; uid: string; controller?: boolean }[]
  }
  status?: ObjectStatus
  [field: string]: unknown
}

/** Fields of the statuses of Deployments and of pods, which say most of what a test wants to know. */
export interface ObjectStatus {
  observedGeneration?: number
  replicas?: number
  updatedReplicas?: number
  readyReplicas?: number
  availableReplicas?: number
  phase?: string
  podIP?: string
  conditions?: { type: string; status: string; reason?: string; message?: string }[]
  containerStatuses?: ContainerStatus[]
}

export interface ContainerStatus {
  name: string
  ready: boolean
  restartCount: number
  state: StatusOfState
  lastState: StatusOfState
}

export interface StatusOfState {
  waiting?: { reason: string; message: string }
  running?: { startedAt: string }
  terminated?: { exitCode: number; reason: string; startedAt: string; finishedAt: string }
}

export interface Answer<T = KubernetesObject> {
  status: number
  body: T
}

/** The API server said no: `status` is its HTTP status, `reason` its own (`Forbidden`, `Conflict`), null without one. */
export class ApiError extends Error {
  override name = 'ApiError'
  readonly status: number
  readonly reason: string | null

  constructor(what: string, { status, body }: Answer<Partial<KubernetesObject>>) {
    const message = body?.['message']
    super(`${what} answered ${status}: ${typeof message === 'string' ? message : JSON.stringify(body)}`)
    this.status = status
    this.reason = (body?.['reason'] as string | undefined) ?? null
  }
}

export const patches = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
}

/** The HTTP API, one call a function; a path is that of the API: `/apis/apps/v1/namespaces/default/deployments/web`. */
export interface Client {
  /** Whatever the answer is; rejects only where there is none. */
  request<T = KubernetesObject>(
    method: string,
    path: string,
    body?: unknown,
    type?: string,
  ): Promise<Answer<T>>
  get(path: string): Promise<KubernetesObject>
  list(path: string): Promise<KubernetesObject[]>
  /** POSTs to the collection at `path`. */
  create(path: string, object: unknown): Promise<KubernetesObject>
  patch(path: string, patch: unknown, type?: keyof typeof patches): Promise<KubernetesObject>
  delete(path: string, options?: unknown): Promise<KubernetesObject>
  /** A GET whose answer does not end: lines of it, until `signal`. */
  lines(path: string, signal: AbortSignal): AsyncGenerator<string>
  close(): void
}

export interface ClientOptions {
  /** `https://host:port` */
  server: string
  authorityPem: string
  token: string
}

export function openClient({ server, authorityPem, token }: ClientOptions): Client {
  const agent = new https.Agent({ ca: authorityPem, keepAlive: true })
  const authorization = `Bearer ${token}`

  function send(method: string, path: string, body: unknown, type: string, signal?: AbortSignal) {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    const headers = {
      authorization,
      ...(text === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(text) }),
    }
    return new Promise<IncomingMessage>((resolve, reject) => {
      const request = https.request(`${server}${path}`, { method, agent, headers, ...(signal && { signal }) })
      request.on('response', resolve).on('error', reject).end(text)
    })
  }

  async function request<T>(
    method: string,
    path: string,
    body?: unknown,
    type = 'application/json',
  ): Promise<Answer<T>> {
    const response = await send(method, path, body, type)
    let text = ''
    for await (const piece of response.setEncoding('utf8')) text += piece as string
    const json = response.headers['content-type']?.startsWith('application/json') === true
    return { status: response.statusCode ?? 0, body: (json ? JSON.parse(text) : text) as T }
  }

  async function demand<T>(method: string, path: string, body?: unknown, type?: string): Promise<T> {
    const answer = await request<T>(method, path, body, type)
    if (answer.status >= 300) throw new ApiError(`${method} ${path}`, answer as Answer<KubernetesObject>)
    return answer.body
  }

  return {
    request,
    get: (path) => demand('GET', path),
    list: async (path) => (await demand<{ items: KubernetesObject[] }>('GET', path)).items,
    create: (path, object) => demand('POST', path, object),
    patch: (path, patch, type = 'merge') => demand('PATCH', path, patch, patches[type]),
    delete: (path, options) => demand('DELETE', path, options),
    async *lines(path, signal) {
      const response = await send('GET', path, undefined, '', signal)
      let rest = ''
      for await (const piece of response.setEncoding('utf8')) {
        const lines = (rest + (piece as string)).split('\n')
        rest = lines.pop() ?? ''
        yield* lines
      }
      if (rest !== '') yield rest
    },
    close: () => agent.destroy(),
  }
}
