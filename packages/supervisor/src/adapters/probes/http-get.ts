import { request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { ProbeHandler } from '../../model/index.js'
import type { Outcome, TryContext } from './outcome.js'
import { unhealthy } from './outcome.js'
import { reach } from './reach.js'

type HttpGet = Extract<ProbeHandler, { type: 'httpGet' }>

/** The body is read and discarded up to this size, because the service would report a cut connection as an error. */
const maxBodyBytes = 64 * 1024

/** Healthy if the status is 200 to 399. Redirects are not followed: they may lead to another instance or host. */
export async function httpGetProbe(handler: HttpGet, context: TryContext): Promise<Outcome> {
  const reached = await reach(handler.port, handler.host, context)
  if (!reached.ok) return unhealthy(reached.reason)
  const { signal, timeoutSeconds } = context
  const socket = await withTls(reached.socket, handler.scheme)
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
 * Certificates are not verified, as in Kubernetes. TLS is loaded on demand: it takes a megabyte and few probes need it.
 */
async function withTls(socket: Socket, scheme: HttpGet['scheme']): Promise<Socket> {
  if (scheme === 'HTTP') return socket
  const tls = await import('node:tls')
  return tls.connect({ socket, rejectUnauthorized: false })
}

function discard(response: IncomingMessage, timeoutSeconds: number): void {
  let length = 0
  const timer = setTimeout(() => response.destroy(), timeoutSeconds * 1000)
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > maxBodyBytes) response.destroy()
  })
  response.on('error', () => undefined)
  response.on('close', () => clearTimeout(timer))
}
