import type { Result, Revision } from '../../model/index.js'
import type { LaunchPlan } from '../launch/index.js'

export interface ProcessesOptions {
  /** Folder of the instances' sockets, `<runDir>/<instance>/`; made if it is not there. */
  runDir: string
  /** Folder of their output, `<logDir>/<service>/<instance>.log`. */
  logDir: string
  /** Where their output goes: a file each, or the supervisor's own standard output. Never a pipe. */
  stdio: 'file' | 'inherit'
  /** What to execute, where, as whom. */
  prepare: (revision: Revision, firstTcpPort: number | undefined) => Result<LaunchPlan>
  /** How many output files of instances that are gone are kept, per service. Default 20. */
  retainLogs?: number
  /** Takes a line about an instance that talks nonsense. Default: nobody does. */
  log?: (line: string) => void
}
