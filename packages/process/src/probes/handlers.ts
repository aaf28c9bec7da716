import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServiceState } from '../protocol/lifecycle.js'

/**
 * Answers a probe with 200 or 503 and the state as plain text. Usable with http, Express, Connect, and Fastify's `raw`
 * request and response.
 */
export type ProbeHandler = (request: IncomingMessage, response: ServerResponse) => void

export interface Probes {
  /** Always 200, also while draining: a restart would cut the requests in flight. */
  live: ProbeHandler
  /** 200 from `ready()` until the drain begins. */
  ready: ProbeHandler
  /** 200 from `ready()` on. */
  startup: ProbeHandler
}

/** `state` is called for each probe. */
export function probes(state: () => ServiceState): Probes {
  const handler =
    (healthy: (state: ServiceState) => boolean): ProbeHandler =>
    (_request, response) => {
      const now = state()
      response.statusCode = healthy(now) ? 200 : 503
      response.setHeader('Content-Type', 'text/plain')
      response.setHeader('Cache-Control', 'no-store')
      response.end(`${now}\n`)
    }
  return {
    live: handler(() => true),
    ready: handler((now) => now === 'ready'),
    startup: handler((now) => now !== 'starting'),
  }
}
