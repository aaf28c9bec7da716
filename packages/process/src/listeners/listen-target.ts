import { OptionError } from '../protocol/errors.js'
import type { ListenTarget } from './inherited.js'

export interface ListenAddressOptions {
  /** Name of an inherited listener (LISTEN_FDNAMES). It takes precedence over the address. */
  name?: string
  port?: number
  host?: string
  /** Path of a unix socket. */
  path?: string
  /** Length of the accept queue, if the address is bound here. Default: Node's, 511. */
  backlog?: number
}

export interface BindTarget extends ListenTarget {
  backlog?: number
}

/** A port, also as a string of digits; the path of a unix socket; or an object. */
export type ListenAddressInput = number | string | ListenAddressOptions

/** @throws OptionError when it names neither a listener nor an address, or the port is not one. */
export function listenTarget(input: ListenAddressInput): BindTarget {
  if (typeof input === 'number') return { port: validPort(input) }
  if (typeof input === 'string')
    return /^\d+$/.test(input) ? { port: validPort(Number(input)) } : { path: input }
  if (input.name === undefined && input.port === undefined && input.path === undefined) {
    throw new OptionError(`The address is ${JSON.stringify(input)}, wanted a name, a port or a path`)
  }
  return input.port === undefined ? input : { ...input, port: validPort(input.port) }
}

function validPort(port: number): number {
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port
  throw new OptionError(`The port is "${port}", wanted an integer from 0 to 65535`)
}
