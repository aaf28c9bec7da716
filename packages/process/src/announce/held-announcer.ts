import type { Announcer } from './announcer.js'
import { Channel } from './channel.js'
import type { InstanceMessage, SupervisorMessage } from '../protocol/messages.js'

/**
 * The voice of a process that shall take another one's place. Its predecessor hears everything at once; the
 * service manager hears nothing before the predecessor has stepped back, or is gone: a successor that fails must
 * not have become the main process, nor have removed a listener from the store.
 */
export function afterPredecessor(
  path: string,
  manager: Announcer,
  hello: InstanceMessage,
  hear: (message: SupervisorMessage) => void,
): Announcer {
  let held: (() => void)[] | null = []
  let ready = false
  let refused = false
  let link: Channel | null = null

  const claim = async (): Promise<void> => {
    const calls = held
    if (calls === null) return
    held = null
    manager.tookOver(ready)
    for (const call of calls) call()
    await manager.flush()
  }
  const open = (): Channel => {
    const channel = new Channel(
      path,
      hello,
      (message) => {
        if (message.type === 'refused') refused = true
        if (message.type === 'takeOver') void claim().then(() => channel.send({ type: 'tookOver' }))
        hear(message)
      },
      () => {
        if (held === null || refused) return
        void claim()
        hear({ type: 'takeOver', draining: [] })
      },
    )
    return channel
  }
  const later =
    <Args extends unknown[]>(call: (...args: Args) => void) =>
    (...args: Args): void => {
      if (held === null) call(...args)
      else held.push(() => call(...args))
    }
  const sayLater = later(manager.say)

  return {
    say(message) {
      link ??= open()
      link.send(message)
      if (message.type === 'ready' && held !== null) ready = true
      else sayLater(message)
    },
    reloading: later(manager.reloading),
    reloaded: later(manager.reloaded),
    stopping: later(manager.stopping),
    failed(error) {
      link ??= open()
      link.send({ type: 'error', message: error instanceof Error ? error.message : String(error) })
      later(manager.failed)(error)
    },
    keep: later(manager.keep),
    forget: later(manager.forget),
    tookOver: () => {},
    handedOver: manager.handedOver,
    flush: async () => {
      await Promise.all([link?.flush(), manager.flush()])
    },
    close() {
      link?.close()
      manager.close()
    },
  }
}
