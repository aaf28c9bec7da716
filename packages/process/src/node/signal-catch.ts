import type { EventEmitter } from 'node:events'

type Internal = (type: string) => void

/**
 * Lets Node catch signals for which the application has no listener.
 *
 * Node catches a signal from the first listener on (`startListeningIfSignal`, a listener of 'newListener'), emits it on
 * `process`, and stops after the last (`stopListeningIfSignal`, of 'removeListener'). They are called here directly. So
 * no listener is needed, which the application could count, as signal-exit does, or take off with those of others.
 */
export class SignalCatch {
  readonly #caught = new Set<string>()
  readonly #start = internal('newListener', 'start')
  readonly #stop = internal('removeListener', 'stop')

  constructor() {
    const stop = this.#stop
    if (stop === undefined) return
    const removed = (type: string) => {
      if (!this.#caught.has(type)) stop(type)
    }
    process.off('removeListener', stop).on('removeListener', removed)
  }

  has(signal: string): boolean {
    return this.#caught.has(signal)
  }

  add(signals: readonly NodeJS.Signals[]): void {
    for (const signal of signals) {
      if (this.#caught.has(signal)) continue
      this.#caught.add(signal)
      if (this.#start === undefined || this.#stop === undefined) process.on(signal, keep)
      else this.#start(signal)
    }
  }

  /** Leaves these signals to the application and the kernel again. Nothing happens to one that has a listener. */
  release(signals: readonly NodeJS.Signals[]): void {
    for (const signal of signals) {
      if (!this.#caught.delete(signal)) continue
      if (this.#start === undefined || this.#stop === undefined) process.off(signal, keep)
      else this.#stop(signal)
    }
  }
}

/** For a Node in which those functions have other names. */
const keep = (): void => {}

function internal(event: string, verb: string): Internal | undefined {
  const listeners = (process as EventEmitter).listeners(event)
  return listeners.find(({ name }) => name === `${verb}ListeningIfSignal`) as Internal | undefined
}
