import { existsSync } from 'node:fs'
import { createFolders } from '../config/paths.js'
import type { Lock } from '../adapters/index.js'
import type { ControlServer } from '../control/server.js'
import type { Engine } from '../engine/index.js'
import { listed } from '../model/text.js'
import type { Result } from '../model/index.js'
import { ok } from '../model/index.js'
import type { AdoptingProcesses } from '../ports.js'
import type { DaemonOptions } from './options.js'

export interface UpkeepOptions extends Pick<DaemonOptions, 'paths' | 'log' | 'reopenLogs'> {
  lock: Lock
  control: ControlServer
  engine: Engine
  processes: AdoptingProcesses
}

/**
 * Looks every second whether the supervisor's files are where they were, and creates those again that were removed: logind
 * removes $XDG_RUNTIME_DIR at the last logout, and cleaners of temporary files remove old sockets. A look is a few
 * stat(2) calls. Returns a function that ends this.
 */
export function startUpkeep(options: UpkeepOptions): () => void {
  const { log } = options
  let looking = false
  let complaint = ''

  async function look(): Promise<void> {
    try {
      await renewAll(options)
      complaint = ''
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
      if (complaint !== error.message)
        log(`a file that was removed cannot be created again: ${error.message}`)
      complaint = error.message
    }
  }
  const timer = setInterval(() => {
    if (looking) return
    looking = true
    void look().finally(() => (looking = false))
  }, everyMs).unref()
  return () => clearInterval(timer)
}

const everyMs = 1000

async function renewAll(options: UpkeepOptions): Promise<void> {
  const { paths, lock, control, engine, processes, log } = options
  for (const line of engine.checkListeners()) log(line)
  const tell = (what: string) => log(`${what} was removed, and was created again`)
  const missing = [paths.lock, paths.control].some((path) => !existsSync(path))
  const folders = missing ? createFolders(paths, process.getuid?.() ?? 0) : ok(paths)
  // The state folder first: that of the sockets can belong to a session that is over.
  if (valueOf(lock.renew())) tell(`the lock file "${paths.lock}"`)
  engine.checkJournal()
  if (!existsSync(paths.supervisorLog)) options.reopenLogs()
  valueOf(folders)
  if (await control.renew()) tell(`the control socket "${paths.control}"`)
  const instances = await processes.renewSockets()
  if (instances.length > 0) log(`sockets of ${listed(instances)} were removed, and were created again`)
}

function valueOf<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw Object.assign(new Error(result.failure.message), { code: result.failure.code })
}
