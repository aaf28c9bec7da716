import type net from 'node:net'
import type { SocketKind } from '../node/datagram-handle.js'
import { HandoverError } from '../protocol/errors.js'
import { describeListener, findListener, type InheritedListener, type ListenTarget } from './inherited.js'

/** The listeners that came with the process, and the servers that have adopted them. */
export class Listeners {
  readonly inherited: readonly InheritedListener[]
  readonly adopted = new Map<net.Server, InheritedListener>()

  constructor(inherited: readonly InheritedListener[]) {
    this.inherited = inherited
  }

  named(name: string): InheritedListener | undefined {
    return this.inherited.find((listener) => listener.name === name)
  }

  /** Those that a server could adopt, and none has. */
  get unadopted(): InheritedListener[] {
    return this.inherited.filter(({ adopted, address }) => !adopted && address !== null)
  }

  /** The one with that descriptor, which another copy of this library has adopted before. */
  adoptedBefore(fd: number | undefined): InheritedListener | undefined {
    const listener = this.inherited.find((candidate) => candidate.fd === fd)
    if (listener !== undefined) listener.adopted = true
    return listener
  }

  /**
   * The one that is meant; undefined: the address is to be bound.
   *
   * @throws HandoverError `ERR_HANDOVER_NO_LISTENER` when it is not there, or unfit, and no address is given.
   */
  find(
    target: ListenTarget,
    kind: SocketKind,
    warn: (message: string) => void,
  ): InheritedListener | undefined {
    const listener = findListener(this.inherited, target, kind)
    if (listener !== undefined || target.name === undefined) return listener
    const other = this.named(target.name)
    const unfit = `nothing for a ${kind === 'stream' ? 'server' : `socket of type "${kind}"`}`
    if (target.port !== undefined || target.path !== undefined) {
      if (other?.adopted === false)
        warn(`The listener ${describeListener(other)} is ${unfit}, another is bound in its place`)
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
