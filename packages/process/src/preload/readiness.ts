import type dgram from 'node:dgram'
import { errorMonitor, type EventEmitter } from 'node:events'
import type net from 'node:net'
import type { Service } from '../service/service.js'

/**
 * When an application that knows nothing of us is ready: once every inherited listener has a server, or a UDP
 * socket; or, where it uses only some of them, one turn of the event loop after the last one that it has begun to
 * start listens. That turn is for applications that start their servers one in the callback of the other. An
 * application that opens its second listener only much later is ready with its first, and should say so
 * itself by the library's `ready()` if that is too early. Where nothing was inherited, in a pod for example, its
 * own servers are waited for in the same way; a supervisor that gave it no listener hears `ready` as soon as it runs.
 * `alone`: it decides itself on its addresses, so one that uses none of the inherited ones is right as well.
 */
export function readyByItself(
  service: Service,
  alone: boolean,
): { called(server: net.Server | dgram.Socket): void } {
  const starting = new Set<net.Server | dgram.Socket>()
  const adoptable = service.inherited.filter(({ address }) => address !== null)
  const check = () => {
    if (starting.size > 0) return
    if (alone || adoptable.length === 0 || adoptable.some(({ adopted }) => adopted)) service.ready()
  }
  service.on('listening', (server) => {
    starting.delete(server)
    if (starting.size === 0 && adoptable.length > 0 && adoptable.every(({ adopted }) => adopted))
      service.ready()
    else setImmediate(check)
  })
  return {
    called: (server) => {
      starting.add(server)
      const emitter: EventEmitter = server
      // Whoever has no handler of its own is to end by it, as ever.
      emitter.once(errorMonitor, () => starting.delete(server))
    },
  }
}
