import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { errorCode } from './linux/posix.js'

/**
 * A file whose content is on disk when a call returns. A call that fails throws the error of the system call, for
 * example ENOSPC; the content is then what it was before, and the next call can succeed.
 */
export interface DurableFile {
  /** Bytes of content. May be lowered: what is behind them is cut off before the next write. */
  length: number
  read(): Buffer
  /** Adds bytes at the end. If the file was removed, it is created again with its whole content. */
  append(bytes: Buffer): void
  /** Replaces the content atomically, even if the machine crashes. */
  replace(content: Buffer): void
  close(): void
}

/** Opens the file, and creates it if it does not exist. It is only read as long as it cannot be opened for writing. */
export function openDurableFile(path: string): DurableFile {
  let { fd, writable } = open(path)
  let length = fstatSync(fd).size
  /** Bytes may follow the content: those of a write that failed, or of one during which the machine crashed. */
  let torn = true

  function use(opened: number): void {
    closeSync(fd)
    fd = opened
    writable = true
  }

  function replace(content: Buffer): void {
    use(writeAnew(path, content))
    length = content.length
    torn = false
    syncFolder(path)
  }

  function append(bytes: Buffer): void {
    if (!isAt(fd, path)) return replace(Buffer.concat([readAll(fd, length), bytes]))
    if (!writable) use(openSync(path, 'a+'))
    if (torn) ftruncateSync(fd, length)
    torn = false
    if (bytes.length === 0) return
    torn = true
    try {
      writeAll(fd, bytes)
      fdatasyncSync(fd)
    } catch (error) {
      ftruncateSync(fd, length) // The space belongs to others now.
      throw error
    }
    length += bytes.length
    torn = false
  }

  return {
    get length() {
      return length
    },
    set length(bytes) {
      torn ||= bytes < length
      length = bytes
    },
    read: () => readAll(fd, length),
    append,
    replace,
    close: () => closeSync(fd),
  }
}

const unwritable = new Set(['EROFS', 'EIO', 'ENOSPC', 'EDQUOT'])

function open(path: string): { fd: number; writable: boolean } {
  try {
    const fd = openSync(path, 'a+', 0o600)
    syncFolder(path)
    return { fd, writable: true }
  } catch (error) {
    const readable = statSync(path, { throwIfNoEntry: false }) !== undefined
    if (!readable || !unwritable.has(errorCode(error))) throw error
    return { fd: openSync(path, 'r'), writable: false }
  }
}

/** Whether the path still leads to the open file: it is not so if the file or a folder above it was removed. */
export function isAt(fd: number, path: string): boolean {
  const { dev, ino } = fstatSync(fd)
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.ino === ino && found.dev === dev
}

/** Returns a descriptor of the new file. Leaves nothing of it if it cannot be written completely. */
function writeAnew(path: string, content: Buffer): number {
  const temporary = `${path}.new`
  const { O_APPEND, O_CREAT, O_RDWR, O_TRUNC } = constants
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const fd = openSync(temporary, O_RDWR | O_APPEND | O_CREAT | O_TRUNC, 0o600)
  try {
    writeAll(fd, content)
    fsyncSync(fd)
    renameSync(temporary, path)
    return fd
  } catch (error) {
    closeSync(fd)
    rmSync(temporary, { force: true })
    throw error
  }
}

/** A new directory entry is durable only after fsync of the folder (fsync(2)). */
function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
}

function readAll(fd: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const read = readSync(fd, bytes, done, length - done, done)
    if (read === 0) break
    done += read
  }
  return bytes.subarray(0, done)
}
