import { closeSync, constants, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { isAt } from './durable-file.js'
import { errorReason } from './linux/error-reason.js'
import { errorCode, tryLock } from './linux/posix.js'
import { holderOfRemoved, lockHolder } from './lock-holder.js'

export interface Lock {
  /**
   * Creates the file again, and locks it, if it was removed: without it, another process could lock a new one. Returns
   * whether it was removed. Fails with `Refused`.
   */
  renew(): Result<boolean>
  release(): void
}

/**
 * Locks the file, which makes this process the only supervisor of its name. The kernel releases the lock when the
 * process ends. The file is never deleted: otherwise two processes could lock two files of the same name. If another
 * program deletes it, the process that locked it still counts. `control`: written into the file, so that commands find
 * this process. Fails with `Usage` and the holder's pid.
 */
export function lockFile(path: string, control = ''): Result<Lock> {
  const locked = acquire(path)
  if (!locked.ok) return locked
  let { fd } = locked.value
  const holder = locked.value.created ? holderOfRemoved(path) : null
  if (holder !== null) {
    rmSync(path, { force: true }) // The holder creates it again.
    closeSync(fd)
    return failed('Usage', `pid ${holder} holds "${path}", which was removed`)
  }
  write(fd, `${process.pid}\n${control}\n`)

  function renew(): Result<boolean> {
    try {
      if (isAt(fd, path)) return ok(false)
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    } catch (error) {
      return failed('Refused', `the lock file "${path}" cannot be created again: ${errorReason(error)}`)
    }
    const again = acquire(path)
    if (!again.ok) return again
    closeSync(fd)
    fd = again.value.fd
    write(fd, `${process.pid}\n${control}\n`)
    return ok(true)
  }
  return ok({ renew, release: () => closeSync(fd) })
}

/** `created`: the file did not exist. */
function acquire(path: string): Result<{ fd: number; created: boolean }> {
  try {
    for (;;) {
      const opened = open(path)
      if (!tryLock(opened.fd)) {
        closeSync(opened.fd)
        return failed('Usage', `pid ${lockHolder(path)?.pid ?? 'unknown'} holds "${path}"`)
      }
      if (isAt(opened.fd, path)) return ok(opened)
      closeSync(opened.fd) // It was removed before it was locked.
    }
  } catch (error) {
    return failed('Usage', `the lock file "${path}" cannot be opened: ${errorReason(error)}`)
  }
}

function open(path: string): { fd: number; created: boolean } {
  const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = constants
  try {
    return { fd: openSync(path, O_RDWR | O_CREAT | O_EXCL, 0o600), created: true }
  } catch (error) {
    if (errorCode(error) !== 'EEXIST' && errorCode(error) !== 'EROFS') throw error
  }
  try {
    return { fd: openSync(path, O_RDWR), created: false }
  } catch (error) {
    if (errorCode(error) !== 'EROFS') throw error
    return { fd: openSync(path, O_RDONLY), created: false } // flock(2) needs no permission to write.
  }
}

/** The content only helps commands. It is written over the old one, which needs no space on a full disk. */
function write(fd: number, content: string): void {
  try {
    const bytes = writeSync(fd, content, 0)
    ftruncateSync(fd, bytes)
  } catch (error) {
    errorCode(error) // Without it, commands search the holder among all processes.
  }
}
