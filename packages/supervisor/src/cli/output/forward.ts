import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { tail } from '../../tail.js'
import type { Tail } from '../../tail.js'
import { print } from './talk.js'

/**
 * Shows the instances' output in the foreground by following their log files. A pipe to the supervisor would
 * break when the supervisor ends, and the instances live on.
 */
export function forwardLogs(logs: string, services: string[]): Tail {
  const folders = services.map((service) => join(logs, service))
  for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 })
  return tail({ folders, last: 0, onLine: (instance, line) => print(`${instance} | ${line}`) })
}
