import { exitCodes } from '../control/api.js'

/**
 * Ends the supervisor at an uncaught exception or an unhandled rejection, which is a bug: its state may be wrong. The
 * stack is logged. Instances are not touched: the next supervisor adopts them. Returns a function that removes the
 * handler.
 */
export function exitOnUncaught(log: (line: string) => void): () => void {
  const exit = (error: unknown) => {
    log(`uncaught error, which is a bug of handover: ${stackOf(error)}`)
    log('the supervisor ends; the instances continue, and the next supervisor adopts them')
    process.exit(exitCodes.bug)
  }
  // Node raises an unhandled rejection as an uncaught exception.
  process.on('uncaughtException', exit)
  return () => void process.off('uncaughtException', exit)
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : `a value was thrown: ${String(error)}`
