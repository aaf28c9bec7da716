import type { Event, Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import type { Journal } from '../ports.js'
import { openDurableFile } from './durable-file.js'
import type { JournalReserve } from './journal-reserve.js'
import { openJournalReserve } from './journal-reserve.js'
import { errorReason } from './linux/error-reason.js'

/**
 * Events as JSON lines in one file. Events that belong together are one write and one fdatasync(2). If the machine
 * crashes during a write, the last line is incomplete; it was never acted on, so it is truncated. Fails with `Usage` if
 * any other line is invalid: what follows it cannot be trusted. `reserveFolders`: see `openJournalReserve`.
 */
export function openJournal(path: string, reserveFolders: string[] = []): Result<Journal> {
  try {
    return open(path, openJournalReserve(reserveFolders))
  } catch (error) {
    return failed('Usage', `the journal "${path}" cannot be opened: ${errorReason(error)}`)
  }
}

function open(path: string, reserve: JournalReserve): Result<Journal> {
  const file = openDurableFile(path)
  const parsed = parse(file.read(), path)
  if (!parsed.ok) {
    file.close()
    return parsed
  }
  file.length = parsed.value.length
  let rewrittenLength = file.length

  let kept = reserve.find(file.length) !== null

  const attempt = (write: () => void): Result<true> => {
    try {
      write()
      if (kept) reserve.clear()
      kept = false
      return ok(true)
    } catch (error) {
      return failed('Refused', `the journal "${path}" cannot be written: ${errorReason(error)}`)
    }
  }
  function read(): Result<Event[]> {
    try {
      const again = parse(file.read(), path)
      const reserved = kept ? reserve.find(file.length) : null
      if (!again.ok || reserved === null) return again.ok ? ok(again.value.events) : again
      const rest = parse(reserved.lines, path)
      return rest.ok ? ok([...(reserved.replaces ? [] : again.value.events), ...rest.value.events]) : rest
    } catch (error) {
      return failed('Refused', `the journal "${path}" cannot be read: ${errorReason(error)}`)
    }
  }
  return ok({
    read,
    append: (events) => attempt(() => file.append(serialize(events))),
    rewrite: (events) =>
      attempt(() => {
        file.replace(serialize(events))
        rewrittenLength = file.length
      }),
    keep({ replacement, events }) {
      const lines = serialize([...(replacement ?? []), ...events])
      reserve.keep({ journalBytes: file.length, replaces: replacement !== null, lines })
      kept = true
    },
    get hasKept() {
      return kept
    },
    get overgrown() {
      return file.length > Math.max(minOvergrownBytes, rewrittenLength * 4)
    },
    close: () => file.close(),
  })
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
