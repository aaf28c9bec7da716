import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import type { Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { errorCode, tryLock } from './linux/posix.js'

export interface Lock {
  release(): void
}

/**
 * Takes the lock file: whoever holds it is the one supervisor of that name. The kernel gives it back when the
 * process ends, however it ends. The file stays: unlinking it would let two hold "the" lock at once.
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
