import { constants } from 'node:os'
import { messageOf } from '../protocol/errors.js'

/**
 * Drains at the first of these signals and then exits with 0, or with `process.exitCode`. A second SIGINT exits at
 * once: a user at a terminal does not want to wait. The handlers stay when the application removes all of a signal.
 * Returns a function that removes the handlers.
 */
export function drainOnSignals(
  service: { drain(reason: string): Promise<unknown> },
  signals: readonly NodeJS.Signals[],
): () => void {
  let exiting = false
  const handle = (signal: NodeJS.Signals) => {
    if (exiting) return signal === 'SIGINT' ? process.exit(exitCodeOf('SIGINT')) : undefined
    exiting = true
    void service.drain(signal).then(() => process.exit())
  }
  const removed = (signal: NodeJS.Signals, listener: unknown) => {
    if (listener !== handle || process.listeners(signal).includes(handle)) return
    process.on(signal, handle)
    // `removeAllListeners()` without a name drops what is added while it runs.
    process.nextTick(() => process.listenerCount(signal) === 0 && process.on(signal, handle))
  }
  for (const signal of signals) process.on(signal, handle)
  process.on('removeListener', removed)
  return () => {
    process.off('removeListener', removed)
    if (!exiting) for (const signal of signals) process.off(signal, handle)
  }
}

/**
 * Calls `exec()` at this signal. A signal that comes while an earlier one is handled is dropped: the next program reads
 * the newest configuration anyway. A failed exec is reported as a process warning.
 * Returns a function that removes the handler.
 */
export function execOnSignal(
  service: { exec(): Promise<never> },
  signal: NodeJS.Signals | undefined,
  handle: HandleSignal = listen,
): () => void {
  if (signal === undefined) return () => {}
  let underWay = false
  return handle(signal, () => {
    if (underWay) return
    underWay = true
    service
      .exec()
      .catch((error: unknown) => process.emitWarning(messageOf(error), 'HandoverWarning'))
      .finally(() => (underWay = false))
  })
}

/**
 * Calls `upgrade()` at this signal. A failure is an event and a warning already, and the process keeps serving. The
 * handler is there from the start, as the default action of such a signal ends the process.
 * Returns a function that removes the handler.
 */
export function upgradeOnSignal(
  service: { upgrade(): Promise<unknown> },
  signal: NodeJS.Signals | null,
  handle: HandleSignal = listen,
): () => void {
  if (signal === null) return () => {}
  return handle(signal, () => void service.upgrade().catch(() => {}))
}

/** Calls `action` at each such signal. Returns a function that stops this. */
export type HandleSignal = (signal: NodeJS.Signals, action: () => void) => () => void

const listen: HandleSignal = (signal, action) => {
  process.on(signal, action)
  return () => void process.off(signal, action)
}

/** The exit code that a shell reports for a program that a signal killed: 128 + its number. */
export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]
