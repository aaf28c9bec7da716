import type net from 'node:net'
import type tls from 'node:tls'

/**
 * The keys that encrypt TLS session tickets (RFC 8446, 4.6.1; RFC 5077), the same in every instance of a service: a
 * client that reconnects after an upgrade resumes its session with any instance, without a full handshake. They come
 * from the supervisor, and are kept in memory only.
 */
export class TicketKeys {
  readonly #servers = new Set<tls.Server>()
  #keys: Buffer | null = null

  /** Sets the keys of a TLS server, now and whenever they change, until the application sets its own. */
  track(server: net.Server): void {
    if (!isTlsServer(server) || server.ticketKeys !== undefined || this.#servers.has(server)) return
    this.#servers.add(server)
    if (this.#keys !== null) setKeys(server, this.#keys)
    server.setTicketKeys = (keys) => {
      this.#servers.delete(server)
      setKeys(server, keys)
    }
  }

  /** The keys for a successor, in base64. Null if no TLS server uses them. */
  get encoded(): string | null {
    const [server] = this.#servers
    return server?.getTicketKeys().toString('base64') ?? null
  }

  /** `encoded`: 48 bytes in base64, see `tls.Server.setTicketKeys()`. Anything else is ignored. */
  set(encoded: string): void {
    const keys = Buffer.from(encoded, 'base64')
    if (keys.length !== ticketKeysBytes) return
    this.#keys = keys
    for (const server of this.#servers) setKeys(server, keys)
  }
}

/** 16 bytes each for the name, the HMAC and AES. */
const ticketKeysBytes = 48

const isTlsServer = (server: net.Server): server is tls.Server & { ticketKeys?: Buffer } =>
  'setTicketKeys' in server && typeof server.setTicketKeys === 'function'

const setKeys = (server: tls.Server, keys: Buffer): void => {
  const { setTicketKeys } = Object.getPrototypeOf(server) as tls.Server
  setTicketKeys.call(server, keys)
}
