import type { Operation } from '../control/api.js'
import type { Engine } from '../engine/index.js'
import type { SpecReader } from '../config/reader.js'
import { operate } from './operations/index.js'

export interface SignalOptions {
  engine: Engine
  source: SpecReader
  log: (line: string) => void
  reopenLogs: () => void
}

/**
 * SIGUSR2 upgrades everything, SIGHUP rereads the configuration and rolls what changed, SIGUSR1 reopens the
 * supervisor's log, SIGTERM and SIGINT drain and stop; a second SIGINT kills the instances at once.
 * Returns a function that removes the handlers.
 */
export function handleSignals({ engine, source, log, reopenLogs }: SignalOptions): () => void {
  let stopping = false

  const run = (operation: Operation) => {
    operate(engine, source, operation, (line) => {
      if (line.type === 'note') log(line.text)
    }).then(
      ({ failures }) => {
        for (const { message } of failures) log(`${operation.type}: ${message}`)
      },
      (error: unknown) => log(`${operation.type}: ${String(error)}`),
    )
  }

  const stop = (signal: NodeJS.Signals) => {
    if (stopping && signal === 'SIGINT') return engine.killAll()
    stopping = true
    log(`${signal}: draining and stopping`)
    run({ type: 'stop' })
  }

  const handlers: Partial<Record<NodeJS.Signals, (signal: NodeJS.Signals) => void>> = {
    SIGTERM: stop,
    SIGINT: stop,
    SIGUSR1: reopenLogs,
    SIGUSR2: () => run({ type: 'upgrade' }),
    SIGHUP: () => run({ type: 'reload' }),
  }
  const entries = Object.entries(handlers) as [NodeJS.Signals, (signal: NodeJS.Signals) => void][]
  for (const [signal, handler] of entries) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of entries) process.off(signal, handler)
  }
}
