import { randomBytes } from 'node:crypto'

/** Keys for TLS session tickets, one set for each service. They are never written anywhere. */
export interface TicketKeys {
  /** The keys of a service, in base64. */
  of(service: string): string
  /** Discards all keys. The next call of `of` creates new ones. */
  renew(): void
}

/**
 * Stolen keys decrypt every session that was resumed with them, so they are replaced often (RFC 5077, 5.5). A client
 * with an older ticket makes one full handshake.
 */
export const ticketKeysLifetimeMs = 12 * 60 * 60 * 1000

/** The size that `tls.Server.setTicketKeys()` expects. */
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
