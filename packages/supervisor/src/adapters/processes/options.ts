import type { Result, Revision } from '../../model/index.js'
import type { LaunchPlan } from '../launch/index.js'

export interface ProcessesOptions {
  /** Folder of the instances' sockets, `<runDir>/<instance>/`. Created if it does not exist. */
  runDir: string
  /** Folder of their output, `<logDir>/<service>/<instance>.log`. */
  logDir: string
  /** Where their output goes: one file each, or the supervisor's standard output. Never a pipe, which would break with the supervisor. */
  stdio: 'file' | 'inherit'
  /** Determines what to execute, where and as which user. */
  prepare: (revision: Revision, firstTcpPort: number | undefined) => Result<LaunchPlan>
  /** How many log files of instances that have exited are kept per service. Default 20. */
  retainLogs?: number
  /** Gets a line when an instance sends invalid messages. Default: none. */
  log?: (line: string) => void
}
