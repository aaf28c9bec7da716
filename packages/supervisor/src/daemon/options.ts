import type { Paths } from '../config/paths.js'
import type { SpecReader } from '../config/reader.js'

export interface DaemonOptions {
  paths: Paths
  source: SpecReader
  /** Where the instances' output is written: a file for each, or the supervisor's standard output. */
  stdio: 'file' | 'inherit'
  /** Writes a line to the supervisor's log. Never throws. */
  log: (line: string) => void
  /** Called on SIGUSR1, after the log file was renamed. */
  reopenLogs: () => void
}
