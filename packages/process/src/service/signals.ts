import { constants } from 'node:os'
import { messageOf } from '../protocol/errors.js'
import type { Service } from './service.js'

/**
 * Drains at the first of these signals and then exits with 0, or with `process.exitCode`.
 * A second SIGINT ends the process at once: somebody sits at the terminal and has had enough.
 * Returns a function that takes the handlers off again.
 */
export function drainOnSignals(service: Service, signals: readonly NodeJS.Signals[]): () => void {
  let exiting = false
  const handle = (signal: NodeJS.Signals) => {
    if (exiting) return signal === 'SIGINT' ? process.exit(exitCodeOf('SIGINT')) : undefined
    exiting = true
    void service.drain(signal).then(() => process.exit())
  }
  for (const signal of signals) process.on(signal, handle)
  return () => {
    if (!exiting) for (const signal of signals) process.off(signal, handle)
  }
}

/**
 * Executes the process anew at this signal. One that comes while an earlier one is under way is not needed: what
 * it announces is read by the program to come. Why nothing came of it is a process warning.
 * Returns a function that takes the handler off again.
 */
export function execOnSignal(service: Service, signal: NodeJS.Signals | undefined): () => void {
  if (signal === undefined) return () => {}
  let underWay = false
  const handle = () => {
    if (underWay) return
    underWay = true
    service
      .exec()
      .catch((error: unknown) => process.emitWarning(messageOf(error), 'HandoverWarning'))
      .finally(() => (underWay = false))
  }
  process.on(signal, handle)
  return () => process.off(signal, handle)
}

/** What a shell reports for a program that died of the signal: 128 + its number. */
export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]
