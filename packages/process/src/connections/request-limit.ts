import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'
import type net from 'node:net'
import type { Connections } from './connections.js'

/**
 * Makes `maxRequestsPerSocket` include the requests that earlier processes have served. Node counts from 0 for a
 * received connection, and writes its own result to the response right after this. Returns a function that stops this.
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
