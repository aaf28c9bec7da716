import type { Failure } from '../../model/index.js'

export interface ApiFailure extends Failure {
  /** HTTP status. 0 if there was no answer. */
  status: number
  /** For a conflict: the fields and their managers. */
  causes?: { field: string; message: string }[]
}

export type Answer<T> = { ok: true; value: T } | { ok: false; failure: ApiFailure }

export interface Call {
  method: 'GET' | 'PATCH' | 'POST' | 'DELETE'
  /** For example `/apis/apps/v1/namespaces/default/deployments/web`. */
  path: string
  query?: Record<string, string>
  body?: unknown
  /** Content type of the body; it selects the kind of a patch. Default: application/json. */
  contentType?: string
}

export interface WatchEvent {
  type: string
  object: unknown
}

/** A cluster's API server: the only access to the network in this folder. */
export interface Cluster {
  server: string
  context: string
  namespace: string
  /** Returns the parsed JSON of the answer. */
  call(call: Call): Promise<Answer<unknown>>
  /** Returns the answer as text, for logs of a pod. */
  text(call: Call): Promise<Answer<string>>
  /**
   * Watches a list. Resolves with null when the server ends the stream or `signal` is aborted, and with the failure
   * when the stream breaks or is refused.
   */
  watch(call: Call, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<ApiFailure | null>
}
