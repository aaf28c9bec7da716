import type { ProcessObserver } from './ports.js'

/** An observer that hears nothing until it is released, and then everything in order. */
export interface Held {
  observer: ProcessObserver
  release(): void
}

export function heldBack(observer: ProcessObserver): Held {
  let waiting: (() => void)[] | null = []
  const tell = (call: () => void) => (waiting ? void waiting.push(call) : call())
  return {
    observer: {
      ready: () => tell(() => observer.ready()),
      status: (text) => tell(() => observer.status(text)),
      unhealthy: (reason) => tell(() => observer.unhealthy(reason)),
      account: (account) => tell(() => observer.account(account)),
      stoppedAccepting: () => tell(() => observer.stoppedAccepting()),
      drained: (account, cut) => tell(() => observer.drained(account, cut)),
      executed: () => tell(() => observer.executed()),
      execFailed: (message, refused) => tell(() => observer.execFailed(message, refused)),
      exited: (exit, output) => tell(() => observer.exited(exit, output)),
    },
    release() {
      const calls = waiting ?? []
      waiting = null
      for (const call of calls) call()
    },
  }
}
