import { request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { ProbeHandler } from '../../model/index.js'
import type { Outcome, TryContext } from './outcome.js'
import { unhealthy } from './outcome.js'
import { reach } from './reach.js'

type HttpGet = Extract<ProbeHandler, { type: 'httpGet' }>

/** The body is not looked at, but read up to here: cutting the answer off would look like an error to the service. */
const bodyLimit = 64 * 1024

/** Healthy from 200 to 399. No redirect is followed: where it leads may be another instance, or another host. */
export async function httpGetProbe(handler: HttpGet, context: TryContext): Promise<Outcome> {
  const reached = await reach(handler.port, handler.host, context)
  if (!reached.ok) return unhealthy(reached.reason)
  const { signal, timeoutSeconds } = context
  const socket = await secured(reached.socket, handler.scheme)
  return new Promise((resolve) => {
    const asked = `GET ${handler.path} on ${reached.where}`
    const end = (outcome: Outcome) => {
      signal.removeEventListener('abort', onAbort)
      resolve(outcome)
    }
    const call = send(handler, reached.host, socket)
    const onAbort = () => {
      end(unhealthy(`${asked} was not answered within ${timeoutSeconds} s`))
      reached.socket.destroy()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    call.on('error', (error) => end(unhealthy(`${asked} failed: ${error.message}`)))
    call.on('response', (response) => {
      const { statusCode = 0 } = response
      const good = statusCode >= 200 && statusCode < 400
      end({
        healthy: good,
        reason: `${asked} answered ${statusCode}${good ? '' : ', wanted 200 to 399'}${reached.note}`,
      })
      discard(response, timeoutSeconds)
    })
  })
}

function send({ path, httpHeaders }: HttpGet, host: string, socket: Socket): ClientRequest {
  const headers: Record<string, string[]> = {
    Host: [host],
    'User-Agent': ['handover-probe/1'],
    Accept: ['*/*'],
    Connection: ['close'],
  }
  const given = new Map<string, string[]>()
  for (const { name, value } of httpHeaders) given.set(name, [...(given.get(name) ?? []), value])
  for (const [name, values] of given) {
    for (const known of Object.keys(headers))
      if (known.toLowerCase() === name.toLowerCase()) delete headers[known]
    headers[name] = values
  }
  const call = request({ path, headers, createConnection: () => socket })
  call.end()
  return call
}

/**
 * A probe trusts the machine that it runs on: certificates are not verified, as in Kubernetes. TLS is loaded when
 * it is needed: few probes do, and it takes a megabyte.
 */
async function secured(socket: Socket, scheme: HttpGet['scheme']): Promise<Socket> {
  if (scheme === 'HTTP') return socket
  const tls = await import('node:tls')
  return tls.connect({ socket, rejectUnauthorized: false })
}

function discard(response: IncomingMessage, timeoutSeconds: number): void {
  let length = 0
  const timer = setTimeout(() => response.destroy(), timeoutSeconds * 1000)
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > bodyLimit) response.destroy()
  })
  response.on('error', () => undefined)
  response.on('close', () => clearTimeout(timer))
}
