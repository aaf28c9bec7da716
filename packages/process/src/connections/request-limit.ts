import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'
import type net from 'node:net'
import type { Connections } from './connections.js'

/**
 * Makes `maxRequestsPerSocket` count the requests that earlier processes served as well. Node counts from 0 for a
 * connection that is new to it, and writes its own result to the response right after this. Returns what ends it.
 */
export function limitRequests(connections: Connections): () => void {
  const limit = (message: unknown): void => {
    const { response, socket } = message as { response: ServerResponse; socket: net.Socket }
    const connection = connections.of(socket)
    const { maxRequestsPerSocket: max } = (connection?.server ?? {}) as {
      maxRequestsPerSocket?: number | null
    }
    if (connection === undefined || !max || connection.requests < max) return
    Object.defineProperty(response, 'maxRequestsOnConnectionReached', { get: () => true, set: () => {} })
  }
  subscribe('http.server.request.start', limit)
  return () => void unsubscribe('http.server.request.start', limit)
}
