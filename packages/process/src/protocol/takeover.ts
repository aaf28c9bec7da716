/**
 * The protocol between a process and one that takes over from it, on the unix socket at the path of `takeover`. The new
 * process sends a `Request`, the old one an `Offer` or a `Refusal`, each a JSON line. The listeners are sent as
 * SCM_RIGHTS (unix(7)) with the first byte of the offer, in the order of `names`. The connection stays open until the
 * new process is ready. If that dies before, the connection ends.
 */

export interface Request {
  version: 1
}

export interface Offer {
  version: 1
  names: string[]
  /** Path of the socket on which the new process reports to the old one as to a supervisor, see messages.ts. */
  predecessor: string
}

export interface Refusal {
  version: 1
  /** The reason, in one sentence. */
  error: string
}

/** Null if the line is neither. */
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
