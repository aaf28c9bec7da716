import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServiceState } from '../protocol/lifecycle.js'

/** Answers one probe: 200 or 503, the state as plain text. Fits http, Express, Connect and Fastify's raw pair. */
export type ProbeHandler = (request: IncomingMessage, response: ServerResponse) => void

export interface Probes {
  /** Green from the first moment to the last, while draining too: a restart would only cut what is in flight. */
  live: ProbeHandler
  /** Green from `ready()` until the drain begins. */
  ready: ProbeHandler
  /** Green from `ready()` on, and for good. */
  startup: ProbeHandler
}

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
