import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type net from 'node:net'
import { watchEventStreams } from './event-stream/watch.js'

/** What Node publishes about an HTTP/1 request. */
export interface HttpMessage {
  request: IncomingMessage
  response: ServerResponse
  socket: net.Socket
  server: net.Server
}

export interface RequestObserver {
  started(message: HttpMessage): void
  finished(message: HttpMessage): void
  /** A response is an event stream. */
  streaming(response: ServerResponse): void
}

/** Observes the HTTP/1 requests of all servers. Returns a function that stops this. */
export function watchRequests({ finished, started, streaming }: RequestObserver): () => void {
  const stop = watchEventStreams(streaming)
  const start = (message: unknown) => started(message as HttpMessage)
  const finish = (message: unknown) => finished(message as HttpMessage)
  subscribe('http.server.request.start', start)
  subscribe('http.server.response.finish', finish)
  return () => {
    stop()
    unsubscribe('http.server.request.start', start)
    unsubscribe('http.server.response.finish', finish)
  }
}
