import type dgram from 'node:dgram'
import { errorMonitor, type EventEmitter } from 'node:events'
import type net from 'node:net'
import type { ServiceCore } from '../service/core.js'

/**
 * Decides when an application that does not call the library is ready: one turn of the event loop after all servers
 * and UDP sockets that it has begun to start listen. That turn is for applications that start one server in the callback
 * of another, and for those that try a port with a server that they close at once. An application that opens its second
 * listener much later is ready with its first; if that is too early, it should call the library's `ready()`.
 * If nothing was inherited, for example in a pod, the application's own servers are waited for in the same way. A
 * supervisor that passes no listener gets `ready` as soon as the process runs.
 * `alone`: the application chooses its addresses, and may use none of the inherited ones.
 */
export function readyByItself(
  service: ServiceCore,
  alone: boolean,
): { called(server: net.Server | dgram.Socket): void; readyWithoutServer(ms: number): void } {
  let used = false
  const starting = new Set<net.Server | dgram.Socket>()
  const serving = new Set<net.Server | dgram.Socket>()
  const adoptable = service.inherited.filter(({ address }) => address !== null)
  const check = () => {
    if (starting.size > 0 || serving.size === 0) return
    if (alone || adoptable.length === 0 || adoptable.some(({ adopted }) => adopted)) service.ready()
  }
  service.events.on('listening', (server) => {
    starting.delete(server)
    serving.add(server)
    const emitter: EventEmitter = server
    emitter.once('close', () => serving.delete(server))
    setImmediate(check)
  })
  return {
    readyWithoutServer(ms) {
      setTimeout(() => used || service.ready(), ms).unref()
    },
    called: (server) => {
      used = true
      starting.add(server)
      const emitter: EventEmitter = server
      // Not 'error': with a listener for it, an application without one would no longer crash.
      emitter.once(errorMonitor, () => starting.delete(server))
    },
  }
}
