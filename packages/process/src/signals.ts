import { constants } from 'node:os'
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

/** What a shell reports for a program that died of the signal: 128 + its number. */
export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]
