import { randomBytes } from 'node:crypto'

/** Keys for TLS session tickets, one set for each service. They are never written anywhere. */
export interface TicketKeys {
  /** In base64, for the instances of that service. */
  of(service: string): string
  /** Forgets them all: the next ones are new. */
  renew(): void
}

/**
 * Whoever gets hold of the keys can read every session that was resumed with them, so they are not kept for
 * long (RFC 5077, 5.5). A client with an older ticket makes a full handshake, once.
 */
export const ticketKeysLifetimeMs = 12 * 60 * 60 * 1000

/** What `tls.Server.setTicketKeys()` takes. */
const bytes = 48

export function ticketKeys(): TicketKeys {
  const byService = new Map<string, string>()
  return {
    of(service) {
      const known = byService.get(service) ?? randomBytes(bytes).toString('base64')
      byService.set(service, known)
      return known
    },
    renew: () => byService.clear(),
  }
}
