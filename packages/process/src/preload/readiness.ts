import type dgram from 'node:dgram'
import { errorMonitor, type EventEmitter } from 'node:events'
import type net from 'node:net'
import type { ServiceCore } from '../service/core.js'

interface Readiness {
  /** `listen` or `bind` is about to be called. */
  called(server: net.Server | dgram.Socket): void
  /** That call threw, so nothing comes of it. */
  threw(server: net.Server | dgram.Socket): void
  readyWithoutServer(ms: number): void
}

/**
 * Decides when an application that does not call the library is ready: one turn of the event loop after all servers that
 * it has begun to start listen, if one of them has an inherited listener. That turn is for applications that start one
 * server in the callback of another, and for servers that are closed at once, because they only try whether a port is
 * free: they do not count. An application that opens its second listener much later is ready with its first; if that is
 * too early, it should call the library's `ready()`. If nothing was inherited, or only what an earlier instance has
 * bound itself, any server of the application counts. A supervisor that passes no listener gets `ready` as soon as the
 * process runs. `alone`: the application chooses its addresses, and may use none of the inherited ones.
 */
export function readyByItself(service: ServiceCore, alone: boolean): Readiness {
  let used = false
  const starting = new Set<net.Server | dgram.Socket>()
  const required = service.inherited.filter(({ address, discovered }) => address !== null && !discovered)
  const check = () => {
    if (starting.size > 0) return
    const serves =
      alone || required.length === 0 ? service.servers.areServing : required.some(({ adopted }) => adopted)
    if (serves) service.ready()
  }
  const started = (server: net.Server | dgram.Socket) => {
    starting.delete(server)
    setImmediate(check)
  }
  service.events.on('listening', started)
  return {
    readyWithoutServer(ms) {
      setTimeout(() => used || service.ready(), ms).unref()
    },
    threw: started,
    called: (server) => {
      used = true
      starting.add(server)
      const emitter: EventEmitter = server
      // Not 'error': with a listener for it, an application without one would no longer crash.
      emitter.once(errorMonitor, () => started(server))
      emitter.once('close', () => started(server))
    },
  }
}
