import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { errorCode, tryLock } from './linux/posix.js'

export interface Lock {
  release(): void
}

/**
 * Locks the file, which makes this process the only supervisor of its name. The kernel releases the lock when the
 * process ends. The file is never deleted: otherwise two processes could lock two files of the same name. Fails with
 * `Usage` and the holder's pid.
 */
export function lockFile(path: string): Result<Lock> {
  let fd: number
  try {
    fd = openSync(path, 'a+', 0o600)
  } catch (error) {
    return failed('Usage', `the lock file "${path}" cannot be opened: ${errorCode(error)}`)
  }
  if (!tryLock(fd)) {
    closeSync(fd)
    return failed('Usage', `pid ${readFileSync(path, 'latin1').trim() || 'unknown'} holds "${path}"`)
  }
  ftruncateSync(fd)
  writeSync(fd, `${process.pid}\n`)
  return ok({ release: () => closeSync(fd) })
}
