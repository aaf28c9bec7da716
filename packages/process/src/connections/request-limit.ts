import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'
import type net from 'node:net'
import type { Connections } from './connections.js'

/**
 * `maxRequestsPerSocket` counts what the client has asked for, wherever it was answered. Node counts anew for
 * a connection that is new to it, and writes its own finding to the response right after this. Gives a function
 * that ends it.
 */
export function limitRequests(connections: Connections): () => void {
  const limit = (message: unknown): void => {
    const { response, socket } = message as { response: ServerResponse; socket: net.Socket }
    const connection = connections.of(socket)
    const { maxRequestsPerSocket: most } = (connection?.server ?? {}) as {
      maxRequestsPerSocket?: number | null
    }
    if (connection === undefined || !most || connection.requests < most) return
    Object.defineProperty(response, 'maxRequestsOnConnectionReached', { get: () => true, set: () => {} })
  }
  subscribe('http.server.request.start', limit)
  return () => void unsubscribe('http.server.request.start', limit)
}
