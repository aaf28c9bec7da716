import {
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Event, Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import type { Journal } from '../ports.js'
import { errorCode } from './linux/posix.js'

/**
 * Events as JSON lines in one file. Several events that belong together are one write and one fdatasync(2).
 * A last line that is torn, because the machine went down in the middle of the write, was never acted on: it
 * is cut off. Anything else that cannot be read is a failure: what follows it cannot be trusted either.
 */
export function openJournal(path: string): Result<Journal> {
  try {
    return open(path)
  } catch (error) {
    return failed('Usage', `the journal "${path}" cannot be opened: ${errorCode(error)}`)
  }
}

function open(path: string): Result<Journal> {
  let fd = openSync(path, 'a', 0o600)
  const parsed = parse(readFileSync(path), path)
  if (!parsed.ok) {
    closeSync(fd)
    return parsed
  }
  let { length } = parsed.value
  let rewrittenLength = length
  ftruncateSync(fd, length)
  fsyncSync(fd)
  syncFolder(path)

  const read = (): Event[] => {
    const again = parse(readFileSync(path), path)
    if (!again.ok) throw new Error(again.failure.message) // it was whole when it was opened
    return again.value.events
  }
  return ok({
    read,
    append(events) {
      if (events.length === 0) return
      length = appendDurably(fd, length, serialize(events))
    },
    rewrite(events) {
      const replaced = fd
      const content = serialize(events)
      fd = replace(path, content)
      length = rewrittenLength = content.length
      closeSync(replaced)
    },
    get overgrown() {
      return length > Math.max(longLength, rewrittenLength * 4)
    },
    close: () => closeSync(fd),
  })
}

/** Returns the new length. A write that fails, as on a full disk, leaves the file as it was. */
function appendDurably(fd: number, length: number, bytes: Buffer): number {
  try {
    writeAll(fd, bytes)
    fdatasyncSync(fd)
  } catch (error) {
    ftruncateSync(fd, length)
    throw error
  }
  return length + bytes.length
}

/** Either the old content or the new one is at the path, whatever happens when. Returns the new file, open. */
function replace(path: string, content: Buffer): number {
  const temporary = `${path}.new`
  const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } = constants
  const fd = openSync(temporary, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC, 0o600)
  writeAll(fd, content)
  fsyncSync(fd)
  renameSync(temporary, path)
  syncFolder(path)
  return fd
}

/** A new name is durable once its folder is: fsync(2), notes. */
function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

const newline = 0x0a

/** Bytes: some 150 upgrades of two instances, read in a few milliseconds. */
const longLength = 2 ** 20

interface Parsed {
  events: Event[]
  /** Bytes up to which the file is whole. */
  length: number
}

function parse(content: Buffer, path: string): Result<Parsed> {
  const events: Event[] = []
  let length = 0
  for (let line = 1; length < content.length; line++) {
    const end = content.indexOf(newline, length)
    const event = end === -1 ? null : parseEvent(content.toString('utf8', length, end))
    if (event === null) {
      const last = end === -1 || end === content.length - 1
      if (last) break
      return failed(
        'Usage',
        `line ${line} of the journal "${path}" is not an event; move the file away to start from nothing`,
      )
    }
    events.push(event)
    length = end + 1
  }
  return ok({ events, length })
}

function parseEvent(line: string): Event | null {
  try {
    const value: unknown = JSON.parse(line)
    return isEvent(value) ? value : null
  } catch {
    return null
  }
}

/** Enough to tell an event from garbage: we alone write this file. */
function isEvent(value: unknown): value is Event {
  if (typeof value !== 'object' || value === null) return false
  const { service, at, type } = value as Partial<Event>
  return typeof service === 'string' && typeof at === 'number' && typeof type === 'string'
}

const serialize = (events: Event[]): Buffer =>
  Buffer.from(events.map((event) => JSON.stringify(event) + '\n').join(''))

function writeAll(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
}
