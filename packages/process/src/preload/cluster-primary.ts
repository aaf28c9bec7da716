import cluster, { type Worker } from 'node:cluster'
import { parseWorkerMessage } from '../announce/cluster-worker.js'
import type { AcceptQueue } from '../node/accept-queue.js'
import { addAccounts, noConnections, type ConnectionAccount, type Participant } from '../protocol/account.js'
import { Subscribers } from '../system/subscribers.js'
import { allWithin } from '../system/waiting.js'
import { refuseForks } from './cluster-fork.js'

/**
 * The drain of an application that uses node:cluster itself: the primary stops accepting, the workers get what it has
 * accepted, then they drain, and none of them is replaced.
 */
export class ClusterPrimary implements Participant {
  readonly #queues = new Set<AcceptQueue>()
  readonly #workers = new Map<Worker, WorkerView>()
  readonly #subscribers = new Subscribers()
  readonly #remainingMs: () => number
  #gone: ConnectionAccount = noConnections
  #cut: string[] = []

  readonly #stopSignal: NodeJS.Signals

  /** `remainingMs`: until the drain's deadline. `stopSignal`: what workers are told to drain with. */
  constructor(remainingMs: () => number, stopSignal: NodeJS.Signals) {
    this.#remainingMs = remainingMs
    this.#stopSignal = stopSignal
    for (const worker of Object.values(cluster.workers ?? {})) if (worker !== undefined) this.#watch(worker)
    cluster.on('fork', (worker) => this.#watch(worker))
  }

  subscribe(changed: () => void): () => void {
    return this.#subscribers.subscribe(changed)
  }

  get account(): ConnectionAccount {
    return addAccounts([this.#gone, ...[...this.#workers.values()].map(({ account }) => account)])
  }

  add(queue: AcceptQueue): void {
    this.#queues.add(queue)
  }

  async stopAccepting(): Promise<void> {
    refuseForks()
    await this.#within([...this.#queues].map((queue) => () => queue.close()))
    const views = [...this.#workers.entries()]
    for (const [worker] of views) worker.process.kill(this.#stopSignal)
    await this.#within(
      views.map(
        ([, { stoppedAccepting }]) =>
          () =>
            stoppedAccepting,
      ),
    )
  }

  async finished(): Promise<string[]> {
    await this.#within(
      [...this.#workers.values()].map(
        ({ exited }) =>
          () =>
            exited,
      ),
      lastMomentMs,
    )
    for (const worker of this.#workers.keys()) {
      this.#cut.push(`worker ${worker.process.pid}`)
      worker.process.kill('SIGKILL')
    }
    return this.#cut
  }

  #watch(worker: Worker): void {
    const stopped = signal()
    const exited = signal()
    const view: WorkerView = {
      account: noConnections,
      stoppedAccepting: stopped.promise,
      exited: exited.promise,
    }
    this.#workers.set(worker, view)
    worker.process.on('internalMessage', (received: unknown) => {
      const message = parseWorkerMessage(received)
      if (message === null) return
      if ('account' in message) {
        view.account = message.account
        this.#subscribers.notify()
      }
      if (message.type === 'draining') stopped.done()
      if (message.type === 'drained') this.#cut.push(...message.cut)
    })
    worker.process.once('exit', () => {
      this.#workers.delete(worker)
      this.#gone = addAccounts([this.#gone, settled(view.account)])
      stopped.done()
      exited.done()
    })
  }

  #within(work: (() => unknown)[], extraMs = 0): Promise<void> {
    return allWithin(this.#remainingMs() + extraMs, work, () => {})
  }
}

interface WorkerView {
  account: ConnectionAccount
  stoppedAccepting: Promise<void>
  exited: Promise<void>
}

/** Workers have the same deadline. This is the additional time for their exit. */
const lastMomentMs = 500

/** Only a worker that crashed has open connections: they ended with it. */
function settled(account: ConnectionAccount): ConnectionAccount {
  return { ...account, open: 0, active: 0, endedOrderly: account.endedOrderly + account.open }
}

function signal(): { promise: Promise<void>; done: () => void } {
  let done = () => {}
  const promise = new Promise<void>((resolve) => (done = resolve))
  return { promise, done: () => done() }
}
