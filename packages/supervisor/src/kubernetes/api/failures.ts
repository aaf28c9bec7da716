import type { FailureCode } from '../../model/index.js'
import type { ApiFailure, Answer } from './ports.js'

/** The failure for an HTTP error, with one sentence that names the next step. */
export function refusal(status: number, body: string, server: string): ApiFailure {
  const { message: reported, details } = statusOf(body)
  const message = reported ?? (body.trim().split('\n')[0]?.slice(0, 200) || `HTTP ${status}`)
  const causes = details?.causes?.map(({ field = '', message: text = '' }) => ({ field, message: text }))
  return {
    status,
    code: codeOf(status),
    message: sentence(status, message, server),
    ...(causes && { causes }),
  }
}

interface StatusObject {
  message?: string
  details?: { causes?: { field?: string; message?: string }[] }
}

function statusOf(body: string): StatusObject {
  try {
    const value = JSON.parse(body) as unknown
    return value !== null && typeof value === 'object' ? value : {}
  } catch {
    return {}
  }
}

function codeOf(status: number): FailureCode {
  if (status === 401 || status === 403) return 'Forbidden'
  if (status === 409) return 'Conflict'
  if (status === 400 || status === 404 || status === 422) return 'Usage'
  return status >= 500 || status === 429 ? 'Unreachable' : 'Refused'
}

function sentence(status: number, message: string, server: string): string {
  switch (status) {
    case 401:
      return `${server} does not accept these credentials (401 ${message}): the token or certificate has expired or is wrong; log in again, or choose another --context`
    case 403:
      return `${message}; "handover kubernetes render --rbac" prints the rights that are needed`
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return `${server} cannot answer now (${status} ${message})`
    default:
      return message
  }
}

/** The failure for a server that did not answer. */
export function unreachable(server: string, error: Error & { code?: string }): ApiFailure {
  const reason =
    error.code && !error.message.includes(error.code) ? `${error.code}: ${error.message}` : error.message
  return {
    status: 0,
    code: 'Unreachable',
    message: `the API server ${server} cannot be reached (${reason || 'unknown reason'}): is the cluster running, and is the context right?`,
  }
}

/** The failure for credentials that cannot be loaded, such as from a plugin or a certificate file. */
export const noCredentials = (context: string, error: Error): ApiFailure => ({
  status: 401,
  code: 'Forbidden',
  message: `the credentials of context "${context}" cannot be loaded: ${error.message.trim().split('\n')[0]}`,
})

/** Whether the failure is temporary, so that the call may be repeated. */
export const isPassing = ({ status }: ApiFailure): boolean => status === 0 || status === 429 || status >= 500

export const done = <T>(value: T): Answer<T> => ({ ok: true, value })
export const refused = (failure: ApiFailure): { ok: false; failure: ApiFailure } => ({ ok: false, failure })
