import fs from 'node:fs'
import type dgram from 'node:dgram'
import type net from 'node:net'
import type { SocketKind } from '../node/datagram-handle.js'
import { HandoverError } from '../protocol/errors.js'
import {
  describeListener,
  findListener,
  withAddresses,
  type InheritedListener,
  type ListenTarget,
} from './inherited.js'

/** The inherited listeners, and the servers that have adopted them. */
export class Listeners {
  readonly #inherited: InheritedListener[]
  readonly adopted = new Map<net.Server, InheritedListener>()
  readonly adoptedDatagrams = new WeakMap<dgram.Socket, InheritedListener>()

  constructor(inherited: InheritedListener[]) {
    this.#inherited = inherited
  }

  get inherited(): readonly InheritedListener[] {
    return this.#inherited
  }

  /** Adds one that another instance has bound, and that the supervisor has passed to this process since its start. */
  add(descriptor: { name: string; fd: number }): InheritedListener {
    const [listener] = withAddresses([descriptor])
    const added = { ...(listener as InheritedListener), discovered: true }
    this.#inherited.push(added)
    return added
  }

  named(name: string): InheritedListener | undefined {
    return this.inherited.find((listener) => listener.name === name)
  }

  /** The listeners that a server or a UDP socket could adopt, but none has. */
  get unadopted(): InheritedListener[] {
    return this.inherited.filter(({ adopted, address }) => !adopted && address !== null)
  }

  /** Closes and forgets those of these that were not adopted. */
  withdraw(names: string[]): void {
    for (const listener of this.inherited.filter(({ name, adopted }) => !adopted && names.includes(name))) {
      this.#inherited.splice(this.#inherited.indexOf(listener), 1)
      fs.closeSync(listener.fd)
    }
  }

  /** Finds the listener with that descriptor and marks it adopted: another copy of this library has done so. */
  adoptedBefore(fd: number | undefined): InheritedListener | undefined {
    const listener = this.inherited.find((candidate) => candidate.fd === fd)
    if (listener !== undefined) listener.adopted = true
    return listener
  }

  /**
   * Finds the listener for `target`. Undefined if the address has to be bound.
   *
   * @throws HandoverError `ERR_HANDOVER_NO_LISTENER` when `target` is only a name, and no listener of that name and
   * kind is free.
   */
  find(
    target: ListenTarget,
    kind: SocketKind,
    warn: (message: string) => void,
  ): InheritedListener | undefined {
    const listener = findListener(this.inherited, target, kind)
    if (listener !== undefined || target.name === undefined) return listener
    const other = this.named(target.name)
    const unfit = `not usable by a ${kind === 'stream' ? 'server' : `socket of type "${kind}"`}`
    if (target.port !== undefined || target.path !== undefined) {
      if (other?.adopted === false)
        warn(`The listener ${describeListener(other)} is ${unfit}, so the address is bound instead`)
      return undefined
    }
    throw new HandoverError(
      'ERR_HANDOVER_NO_LISTENER',
      other === undefined
        ? `No listener "${target.name}" was inherited`
        : `The listener ${describeListener(other)} is ${other.adopted ? 'in use already' : unfit}`,
    )
  }
}
