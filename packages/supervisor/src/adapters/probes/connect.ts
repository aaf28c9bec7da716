import { connect, isIPv6 } from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'
import type { Listener } from '../../ports.js'
import type { TryContext } from './outcome.js'

/** A connection to the instance. */
export interface Reached {
  ok: true
  socket: Socket
  /** The name of the destination in messages. */
  where: string
  /** The Host header of an HTTP request. */
  host: string
  /** Appended to the reason, for example that another instance may have answered. */
  note: string
}

export interface NotReached {
  ok: false
  reason: string
}

/** Resolves with the established connection, or with the error. */
export function open(options: NetConnectOpts, signal: AbortSignal): Promise<Socket | Error> {
  return new Promise((resolve) => {
    const socket = connect(options)
    const settle = (result: Socket | Error) => {
      signal.removeEventListener('abort', onAbort)
      resolve(result)
    }
    const onAbort = () => {
      socket.destroy()
      settle(new Error('timed out'))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => settle(socket))
    // Stays registered: the caller may handle later errors, and without a listener they would crash the process.
    socket.on('error', settle)
  })
}

/** Connects to an address. Any process may answer. */
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

/** Connects to a unix socket in place of the listener. */
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

/** The address for connecting to a TCP listener from this machine: the loopback address for a wildcard. Null if it is not TCP. */
export function addressOf(listener: Listener): { host: string; port: number } | null {
  const { spec } = listener
  const port = portOf(listener)
  if (spec.type !== 'tcp' || port === null) return null
  return { host: spec.host === '::' || spec.host === '0.0.0.0' ? '127.0.0.1' : spec.host, port }
}

/** The bound port. If the spec says 0, it is the one that the kernel chose. */
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
