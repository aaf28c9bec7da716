import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { tail } from '../../tail.js'
import type { Tail } from '../../tail.js'
import { print } from './talk.js'

/**
 * In the foreground the instances' output is shown too. They write to their own files, which outlive the
 * supervisor; these are followed here, so no instance ever hangs on a pipe to us.
 */
export function forwardLogs(logs: string, services: string[]): Tail {
  const folders = services.map((service) => join(logs, service))
  for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 })
  return tail({ folders, last: 0, onLine: (instance, line) => print(`${instance} | ${line}`) })
}
