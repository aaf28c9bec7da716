import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { tail } from '../../tail.js'
import type { Tail } from '../../tail.js'

/**
 * Shows the instances' output in the foreground by following their log files. A pipe to the supervisor would
 * break when the supervisor ends, and the instances live on. If the files cannot be followed, `warn` gets the reason.
 */
export function forwardLogs(
  logs: string,
  services: string[],
  write: (line: string) => void,
  warn: (line: string) => void,
): Tail | null {
  const folders = services.map((service) => join(logs, service))
  try {
    for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 })
    return tail({ folders, last: 0, onLine: (instance, line) => write(`${instance} | ${line}`) })
  } catch (error) {
    // For example ENOSPC: of the disk, or of the limit of inotify(7).
    warn(`the output of the instances is not shown: ${(error as Error).message}`)
    return null
  }
}
