import path from 'node:path'

/**
 * What a process and one that takes over from it say to each other at the path of `takeover`: a JSON line each. The
 * taker speaks first; the listeners come as SCM_RIGHTS with the first byte of the offer, in the order of `names`.
 * The connection stays open until the taker is ready: that is how its death is noticed.
 */

/** Where it is bound before it is renamed: the address of a unix socket is short, so a suffix might be too much. */
export const asideOf = (file: string): string => path.join(path.dirname(file), `.${process.pid}`)

export interface Request {
  version: 1
}

export interface Offer {
  version: 1
  names: string[]
  /** Where the taker says that it is ready, as to a supervisor: protocol.ts. */
  predecessor: string
}

export interface Refusal {
  version: 1
  /** Why, in one sentence. */
  error: string
}

export function parseOffer(line: string): Offer | Refusal | null {
  try {
    const message = JSON.parse(line) as Partial<Offer & Refusal> | null
    if (message?.version !== 1) return null
    if (typeof message.error === 'string') return { version: 1, error: message.error }
    const { names, predecessor } = message
    return Array.isArray(names) && typeof predecessor === 'string' ? { version: 1, names, predecessor } : null
  } catch {
    return null
  }
}

export function isRequest(line: string): boolean {
  try {
    return (JSON.parse(line) as Partial<Request> | null)?.version === 1
  } catch {
    return false
  }
}
