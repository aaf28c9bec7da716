import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Session } from 'node:http2'
import type net from 'node:net'
import { watchUpgrades } from './websocket/watch.js'

export interface ServerObserver {
  connected(socket: net.Socket): void
  /** The TLS handshake is done. */
  secured(stream: net.Socket): void
  /** HTTP/2 was negotiated. */
  opened(session: ServerHttp2Session): void
  /** Refused because of `maxConnections`. */
  dropped(): void
  upgraded(request: IncomingMessage, stream: net.Socket): void
}

/** Observes the connections of `server`. Returns a function that stops this. */
export function listenTo(server: net.Server, observer: ServerObserver): () => void {
  const { connected, dropped, opened, secured, upgraded } = observer
  // Added before Node's own listeners: they start the protocol and may emit 'session' while they run.
  server.prependListener('connection', connected)
  server.prependListener('secureConnection', secured)
  server.on('session', opened).on('drop', dropped)
  const stopWatching = watchUpgrades(server, upgraded)
  return () => {
    stopWatching()
    server.off('connection', connected).off('secureConnection', secured)
    server.off('session', opened).off('drop', dropped)
  }
}
