import { connect, isIPv6 } from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'
import type { Listener } from '../../ports.js'
import type { TryContext } from './outcome.js'

/** A connection on which the instance may be asked. */
export interface Reached {
  ok: true
  socket: Socket
  /** What a message calls the place. */
  where: string
  /** What an HTTP request calls the host. */
  host: string
  /** What the reason must say beside, such as that another instance may have answered. */
  note: string
}

export interface NotReached {
  ok: false
  reason: string
}

/** An established connection, or why there is none. */
export function open(options: NetConnectOpts, signal: AbortSignal): Promise<Socket | Error> {
  return new Promise((resolve) => {
    const socket = connect(options)
    const settle = (result: Socket | Error) => {
      signal.removeEventListener('abort', onAbort)
      resolve(result)
    }
    const onAbort = () => {
      socket.destroy()
      settle(new Error('the time is over'))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => settle(socket))
    // Later errors are those of whoever uses the connection; without a listener they would end the process.
    socket.on('error', settle)
  })
}

/** Dials an address as it is, whoever answers there. */
export async function dialAddress(
  host: string,
  port: number,
  context: TryContext,
): Promise<Reached | NotReached> {
  const where = showAddress(host, port)
  const socket = await open({ host, port }, context.signal)
  if (socket instanceof Error) return notReached(where, socket, context)
  return { ok: true, socket, where, host: where, note: '' }
}

/** Dials a unix socket that stands for the listener. */
export async function dialUnix(
  path: string,
  listener: Listener,
  note: string,
  context: TryContext,
): Promise<Reached | NotReached> {
  const where = `"${listener.name}" of ${context.target.instance}`
  const socket = await open({ path }, context.signal)
  if (socket instanceof Error) return notReached(where, socket, context)
  const address = addressOf(listener)
  return {
    ok: true,
    socket,
    where,
    host: address ? showAddress(address.host, address.port) : 'localhost',
    note,
  }
}

/** Where a TCP listener can be dialled from this machine: a wildcard at the loopback address. */
export function addressOf(listener: Listener): { host: string; port: number } | null {
  const { spec } = listener
  const port = portOf(listener)
  if (spec.type !== 'tcp' || port === null) return null
  return { host: spec.host === '::' || spec.host === '0.0.0.0' ? '127.0.0.1' : spec.host, port }
}

/** The port that was really bound: port 0 is any free one, and `address` shows which. */
export const portOf = ({ spec, address }: Listener): number | null =>
  spec.type === 'tcp' ? Number(address.slice(address.lastIndexOf(':') + 1)) : null

export const showAddress = (host: string, port: number): string =>
  `${isIPv6(host) ? `[${host}]` : host}:${port}`

export const notReached = (
  where: string,
  error: Error,
  { signal, timeoutSeconds }: TryContext,
): NotReached => ({
  ok: false,
  reason: signal.aborted
    ? `${where} was not reached within ${timeoutSeconds} s`
    : `${where} was not reached: ${error.message}`,
})
