import { once } from 'node:events'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Result, ServiceSpec } from '../model/index.js'
import { ok } from '../model/index.js'
import type { Paths } from '../config/paths.js'
import { specReader } from '../config/reader.js'
import { sourceMemory } from '../config/source-memory.js'
import type { SpecSource } from '../config/source.js'
import { lineWriter } from '../adapters/index.js'
import { runDaemon } from './index.js'

/** The message that `handover start` sends to this program. */
export interface BackgroundOrder {
  paths: Paths
  source: SpecSource
  /** The validated specs of the source. */
  specs: ServiceSpec[]
}

// The supervisor in the background. Its standard output and error are its log.
const [{ paths, source, specs }] = (await once(process, 'message')) as [BackgroundOrder]
// Its own working folder can be unmounted or deleted (daemon(7)).
process.chdir('/')
const write = lineWriter(1)
const log = (line: string) => write(`${new Date().toISOString()} ${line}`)
let complaint = ''
const started = await runDaemon({
  paths,
  source: specReader(source, sourceMemory(paths.source), specs),
  stdio: 'file',
  log,
  reopenLogs: () => reopen(paths.supervisorLog),
})
report(started.ok ? ok(true) : started)
if (started.ok) await started.value.finished
else process.exitCode = 1

/** Sends the result to `handover start`, then disconnects so that it can exit. */
function report(result: Result<true>): void {
  process.send?.(result, undefined, undefined, () => {
    if (process.connected) process.disconnect()
  })
}

/** For SIGUSR1, after the log file was renamed: redirects standard output and error to a new file of the same name. */
function reopen(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    closeSync(openSync(path, 'a', 0o600)) // The old file stays in use if there can be no new one.
  } catch (error) {
    const { message } = error as Error
    if (message !== complaint) log(`the log "${path}" cannot be opened: ${message}`)
    complaint = message
    return
  }
  complaint = ''
  // open(2) returns the lowest free descriptor, which is the one just closed.
  for (const descriptor of [1, 2]) {
    closeSync(descriptor)
    openSync(path, 'a', 0o600)
  }
}
