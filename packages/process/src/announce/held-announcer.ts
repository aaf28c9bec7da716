import { messageOf } from '../protocol/errors.js'
import type { InstanceMessage, SupervisorMessage } from '../protocol/messages.js'
import type { Announcer } from './announcer.js'
import { Channel } from './channel.js'

/**
 * The announcer of a process that is to take another one's place. The predecessor gets every message at once. Those to
 * the service manager are held until the predecessor says `takeOver` or is gone: a successor that fails must not have
 * become the main process, nor have removed a listener from the store.
 */
export function heldAnnouncer(
  path: string,
  manager: Announcer,
  hello: InstanceMessage,
  onMessage: (message: SupervisorMessage) => void,
): Announcer {
  let held: (() => void)[] | null = []
  let ready = false
  let refused = false
  let channel: Channel | null = null

  const release = async (): Promise<void> => {
    const calls = held
    if (calls === null) return
    held = null
    manager.tookOver(ready)
    for (const call of calls) call()
    await manager.flush()
  }
  const received = (message: SupervisorMessage): void => {
    if (message.type === 'refused') refused = true
    if (message.type === 'takeOver') void release().then(() => predecessor().send({ type: 'tookOver' }))
    onMessage(message)
  }
  const predecessorGone = (): void => {
    if (held === null || refused) return
    void release()
    onMessage({ type: 'takeOver', draining: [] })
  }
  /** Connects at the first message. */
  const predecessor = (): Channel => (channel ??= new Channel(path, hello, received, predecessorGone))
  const hold =
    <Args extends unknown[]>(call: (...args: Args) => void) =>
    (...args: Args): void => {
      if (held === null) call(...args)
      else held.push(() => call(...args))
    }
  const sayToManager = hold(manager.say)

  return {
    say(message) {
      predecessor().send(message)
      if (message.type === 'ready' && held !== null) ready = true
      else sayToManager(message)
    },
    reloading: hold(manager.reloading),
    reloaded: hold(manager.reloaded),
    stopping: hold(manager.stopping),
    failed(error) {
      predecessor().send({ type: 'error', message: messageOf(error) })
      hold(manager.failed)(error)
    },
    keep: hold(manager.keep),
    forget: hold(manager.forget),
    tookOver: () => {},
    handedOver: manager.handedOver,
    flush: async () => {
      await Promise.all([channel?.flush(), manager.flush()])
    },
    close() {
      channel?.close()
      manager.close()
    },
  }
}
