import { OptionError } from '../protocol/errors.js'
import type { ListenTarget } from './inherited.js'

export interface ListenAddressOptions {
  /** Name of an inherited listener (LISTEN_FDNAMES). It is looked for first. */
  name?: string
  port?: number
  host?: string
  /** Path of a unix socket. */
  path?: string
  /** Of the queue of connections, where the address is bound here. Default: Node's, 511. */
  backlog?: number
}

export interface BindTarget extends ListenTarget {
  backlog?: number
}

/** A port, the path of a unix socket, or the two spelled out. */
export type ListenAddressInput = number | string | ListenAddressOptions

/** @throws OptionError when it names neither a listener nor an address. */
export function listenTarget(input: ListenAddressInput): BindTarget {
  if (typeof input === 'number') return { port: validPort(input) }
  if (typeof input === 'string')
    return /^\d+$/.test(input) ? { port: validPort(Number(input)) } : { path: input }
  if (input.name === undefined && input.port === undefined && input.path === undefined) {
    throw new OptionError(
      `The address ${JSON.stringify(input)} has neither a name, a port nor a path, one of them was expected`,
    )
  }
  return input.port === undefined ? input : { ...input, port: validPort(input.port) }
}

function validPort(port: number): number {
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port
  throw new OptionError(`The port is "${port}", an integer from 0 to 65535 was expected`)
}
