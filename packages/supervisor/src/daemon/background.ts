import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { Result, ServiceSpec } from '../model/index.js'
import { ok } from '../model/index.js'
import type { Paths } from '../config/paths.js'
import { specReader } from '../config/reader.js'
import type { SpecSource } from '../config/source.js'
import { runDaemon } from './index.js'

/** What the program below is told by `handover start`. */
export interface BackgroundOrder {
  paths: Paths
  source: SpecSource
  /** What the source says, read and checked. */
  specs: ServiceSpec[]
}

// The program of a supervisor in the background. Its standard output and error are its log.
const [{ paths, source, specs }] = (await once(process, 'message')) as [BackgroundOrder]
const started = await runDaemon({
  paths,
  source: specReader(source, specs),
  stdio: 'file',
  log: (line) => console.log(`${new Date().toISOString()} ${line}`),
  reopenLogs: () => reopen(paths.supervisorLog),
})
report(started.ok ? ok(true) : started)
if (started.ok) await started.value.finished
else process.exitCode = 1

/** Said once; then the channel is closed, and whoever started us may end. */
function report(result: Result<true>): void {
  process.send?.(result, undefined, undefined, () => {
    if (process.connected) process.disconnect()
  })
}

/** SIGUSR1: the log file was moved away; standard output and error go to a new one of the same name. */
function reopen(path: string): void {
  // open(2) gives the lowest free descriptor, which is the one just closed: nothing else of ours runs between.
  for (const descriptor of [1, 2]) {
    closeSync(descriptor)
    openSync(path, 'a', 0o600)
  }
}
