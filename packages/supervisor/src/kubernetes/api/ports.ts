import type { Failure } from '../../model/index.js'

/** What the API server refused, with its HTTP status; 0 where there was no answer at all. */
export interface ApiFailure extends Failure {
  status: number
  /** Of a conflict: which fields, and who has them. */
  causes?: { field: string; message: string }[]
}

export type Answer<T> = { ok: true; value: T } | { ok: false; failure: ApiFailure }

export interface Call {
  method: 'GET' | 'PATCH' | 'POST' | 'DELETE'
  /** For example `/apis/apps/v1/namespaces/default/deployments/web`. */
  path: string
  query?: Record<string, string>
  body?: unknown
  /** Of the body; a patch's kind is said by it. */
  contentType?: string
}

export interface WatchEvent {
  type: string
  object: unknown
}

/** A cluster's API server, as a short record of functions. Nothing else here speaks to the network. */
export interface Cluster {
  server: string
  context: string
  namespace: string
  /** The answer's JSON. */
  call(call: Call): Promise<Answer<unknown>>
  /** The answer as it is: logs of a pod. */
  text(call: Call): Promise<Answer<string>>
  /**
   * A list call with `watch`: hands each event over until the server ends the stream (then null), or the stream
   * breaks or is refused (then why), or `signal` is aborted (then null).
   */
  watch(call: Call, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<ApiFailure | null>
}
