import { messageOf } from '../protocol/errors.js'
import type { InstanceMessage, SupervisorMessage } from '../protocol/messages.js'
import type { Announcer } from './announcer.js'
import { Channel } from './channel.js'

/**
 * The announcer of a process that replaces another one. The predecessor gets every message at once. Those to
 * the service manager are held until the predecessor sends `takeOver` or has ended: a successor that fails must neither
 * become the main process nor remove a listener from the store.
 */
export function heldAnnouncer(
  path: string,
  manager: Announcer,
  hello: InstanceMessage,
  onMessage: (message: SupervisorMessage) => void,
): Announcer {
  const held = new HeldManager(manager)
  const predecessor = predecessorChannel(path, held, hello, onMessage)
  return {
    ...held.announcements,
    say(message) {
      predecessor.send(message)
      held.say(message)
    },
    failed(error) {
      predecessor.send({ type: 'error', message: messageOf(error) })
      held.announcements.failed(error)
    },
    tookOver: () => {},
    handedOver: manager.handedOver,
    flush: async () => {
      await Promise.all([predecessor.flush(), manager.flush()])
    },
    close() {
      predecessor.close()
      manager.close()
    },
  }
}

/** Connects at the first message. Releases what is held when the predecessor says so or has ended. */
function predecessorChannel(
  path: string,
  held: HeldManager,
  hello: InstanceMessage,
  onMessage: (message: SupervisorMessage) => void,
): Pick<Channel, 'send' | 'flush' | 'close'> {
  let refused = false
  let channel: Channel | null = null

  const received = (message: SupervisorMessage): void => {
    if (message.type === 'refused') refused = true
    if (message.type === 'takeOver') void held.release().then(() => connected().send({ type: 'tookOver' }))
    onMessage(message)
  }
  const gone = (): void => {
    if (held.released || refused) return
    void held.release()
    onMessage({ type: 'takeOver', draining: [] })
  }
  const connected = (): Channel => (channel ??= new Channel(path, hello, received, gone))

  return {
    send: (message) => connected().send(message),
    flush: async () => channel?.flush(),
    close: () => channel?.close(),
  }
}

/** Holds what is announced to the service manager until `release`. */
class HeldManager {
  readonly announcements: Pick<
    Announcer,
    'reloading' | 'reloaded' | 'stopping' | 'failed' | 'keep' | 'forget'
  >
  readonly #manager: Announcer
  readonly #say: Announcer['say']
  #calls: (() => void)[] | null = []
  #ready = false

  constructor(manager: Announcer) {
    this.#manager = manager
    this.#say = this.#hold(manager.say)
    this.announcements = {
      reloading: this.#hold(manager.reloading),
      reloaded: this.#hold(manager.reloaded),
      stopping: this.#hold(manager.stopping),
      failed: this.#hold(manager.failed),
      keep: this.#hold(manager.keep),
      forget: this.#hold(manager.forget),
    }
  }

  get released(): boolean {
    return this.#calls === null
  }

  /** `ready` is sent together with the takeover, see `Announcer.tookOver`. */
  say(message: InstanceMessage): void {
    if (message.type === 'ready' && !this.released) this.#ready = true
    else this.#say(message)
  }

  /** Makes the held calls, in their order. Resolves when everything was sent. */
  async release(): Promise<void> {
    const calls = this.#calls
    if (calls === null) return
    this.#calls = null
    this.#manager.tookOver(this.#ready)
    for (const call of calls) call()
    await this.#manager.flush()
  }

  #hold<Args extends unknown[]>(call: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      if (this.#calls === null) call(...args)
      else this.#calls.push(() => call(...args))
    }
  }
}
