import type { FSWatcher } from 'node:fs'
import { linkSync, lstatSync, unlinkSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { FileIdentity } from '../linux/file-identity.js'
import { identify, unlinkIfOurs } from '../linux/file-identity.js'

/** The file of a listening unix socket. */
export interface KeptFile {
  /** `renewed`: it was removed, and was put back since the last look. `gone`: it was removed, and cannot be put back. */
  look(): 'there' | 'renewed' | 'gone'
  /** Deletes the file, and ends the watch. */
  remove(): void
}

/**
 * A program that binds the path itself removes the file first: it must not find a file there again before it has bound.
 */
const putBackAfterMs = 20

/** Where the second name of a socket's file is. */
export const secondName = (path: string): string => join(dirname(path), `.${basename(path)}.handover`)

/**
 * Keeps the file of a socket where it is. A socket without a file cannot get it back (linkat(2) refuses an inode without
 * a name), so the file has a second name in the same folder, and is linked from there when the first is removed. A
 * client finds the socket by the inode (unix_find_other in the kernel), so it is the same socket as before. Without a
 * second name (a folder that only others may write, a file system without links), `look` can only tell.
 */
export function keepFile(file: FileIdentity): KeptFile {
  const second = { ...file, path: secondName(file.path) }
  let renewed = false
  let timer: NodeJS.Timeout | undefined
  const putBack = () => {
    timer = undefined
    if (restore(file, second)) renewed = true
  }
  addSecond(file, second)
  const watcher = watchFile(file.path, () => (timer ??= setTimeout(putBack, putBackAfterMs).unref()))
  return {
    look() {
      if (timer === undefined) putBack()
      // Another program may have bound the path: that is its decision.
      if (identify(file.path) === null) return timer === undefined ? 'gone' : 'there'
      addSecond(file, second)
      const result = renewed ? 'renewed' : 'there'
      renewed = false
      return result
    },
    remove() {
      clearTimeout(timer)
      watcher?.close()
      attempt(() => unlinkIfOurs(second))
      unlinkIfOurs(file)
    },
  }
}

/** The file of a socket of an earlier supervisor. It is put back if it was removed meanwhile. */
export function findFile(path: string): FileIdentity | null {
  const found = identify(path)
  if (found) return found
  const second = secondName(path)
  if (lstatSync(second, { throwIfNoEntry: false })?.isSocket()) attempt(() => linkSync(second, path))
  return identify(path)
}

/** Whether the file was missing, and is there again. */
function restore(file: FileIdentity, second: FileIdentity): boolean {
  if (identify(file.path) !== null || !isSame(second)) return false
  return attempt(() => linkSync(second.path, file.path))
}

function addSecond(file: FileIdentity, second: FileIdentity): void {
  if (!isSame(file) || isSame(second)) return
  // Left by a supervisor that was killed.
  if (lstatSync(second.path, { throwIfNoEntry: false })?.isSocket()) attempt(() => unlinkSync(second.path))
  attempt(() => linkSync(file.path, second.path))
}

function isSame({ path, dev, ino }: FileIdentity): boolean {
  const now = identify(path)
  return now?.dev === dev && now.ino === ino
}

/** inotify(7) on the file itself: its attributes change with each name that is removed. Null where it cannot be watched. */
function watchFile(path: string, changed: () => void): FSWatcher | null {
  let watcher: FSWatcher | null = null
  attempt(() => (watcher = watch(path, { persistent: false }, changed).on('error', () => {})))
  return watcher
}

/** Whether the file system has permitted it. */
function attempt(call: () => unknown): boolean {
  try {
    call()
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}
