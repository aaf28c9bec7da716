import type { ProcessObserver } from './ports.js'

export interface BufferedObserver {
  /** Buffers calls until `release`; from then on it passes each call on at once. */
  observer: ProcessObserver
  /** Passes on the buffered calls, in order. */
  release(): void
}

/** Wraps an observer so that it gets no calls before `release`. */
export function bufferedObserver(observer: ProcessObserver): BufferedObserver {
  let buffered: (() => void)[] | null = []
  const pass = (call: () => void) => (buffered ? void buffered.push(call) : call())
  return {
    observer: {
      ready: () => pass(() => observer.ready()),
      status: (text) => pass(() => observer.status(text)),
      bound: (sockets) => pass(() => observer.bound(sockets)),
      wanted: (address, answer) => pass(() => observer.wanted(address, answer)),
      adopted: (names) => pass(() => observer.adopted(names)),
      unhealthy: (reason) => pass(() => observer.unhealthy(reason)),
      account: (account) => pass(() => observer.account(account)),
      signalled: (connections) => pass(() => observer.signalled(connections)),
      progress: (progress) => pass(() => observer.progress(progress)),
      accepting: (accepting) => pass(() => observer.accepting(accepting)),
      stoppedAccepting: () => pass(() => observer.stoppedAccepting()),
      drained: (account, cut) => pass(() => observer.drained(account, cut)),
      executed: () => pass(() => observer.executed()),
      execFailed: (message, refused) => pass(() => observer.execFailed(message, refused)),
      exited: (exit, output, left) => pass(() => observer.exited(exit, output, left)),
    },
    release() {
      const calls = buffered ?? []
      buffered = null
      for (const call of calls) call()
    },
  }
}
