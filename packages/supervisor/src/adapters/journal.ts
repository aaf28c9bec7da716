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
 * Events as JSON lines in one file. Events that belong together are one write and one fdatasync(2). If the machine
 * crashes during a write, the last line is incomplete; it was never acted on, so it is truncated. Fails with `Usage` if
 * any other line is invalid: what follows it cannot be trusted.
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
    if (!again.ok) throw new Error(again.failure.message) // It was valid when it was opened.
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
      return length > Math.max(minOvergrownBytes, rewrittenLength * 4)
    },
    close: () => closeSync(fd),
  })
}

/** Returns the new length. If the write fails, for example because the disk is full, the file does not change. */
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

/** Replaces the file atomically, even if the machine crashes. Returns a descriptor of the new file. */
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

/** A new directory entry is durable only after fsync of the folder (fsync(2)). */
function syncFolder(path: string): void {
  const folder = openSync(dirname(path), 'r')
  fsyncSync(folder)
  closeSync(folder)
}

const newline = 0x0a

/** About 150 upgrades of two instances. Reading 1 MiB takes a few milliseconds. */
const minOvergrownBytes = 2 ** 20

interface Parsed {
  events: Event[]
  /** Bytes up to the end of the last complete line. */
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
        `line ${line} of the journal "${path}" is not an event; move the file away to start without a history`,
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

/** A shallow check is enough: only the supervisor writes this file. */
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
