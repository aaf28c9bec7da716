import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errorCode } from './linux/posix.js'

/** Bytes of each file: about 800 events. */
const reservedBytes = 256 * 1024

/** Events as JSON lines that the journal could not take. */
export interface Reserved {
  /** The length of the journal that they follow, in bytes. Another length: they are not needed any more. */
  journalBytes: number
  /** Whether they replace what is in the journal. */
  replaces: boolean
  lines: Buffer
}

/**
 * Room for events while the journal cannot be written: two files in the folder of the journal, whose blocks are allocated
 * in advance, so that they can be written on a full disk. If that fails, too, for example on a read-only file system, the
 * same in the other folders, which may be on another one. The files take turns, so that one is always complete.
 */
export interface JournalReserve {
  /** Replaces what was kept before. Nothing is kept if no file can be written. */
  keep(reserved: Reserved): void
  /** The newest for a journal of this length, or null. */
  find(journalBytes: number): Pick<Reserved, 'replaces' | 'lines'> | null
  /** Forgets everything, and allocates the blocks again that are missing. */
  clear(): void
}

interface Header extends Omit<Reserved, 'lines'> {
  sequence: number
  bytes: number
  digest: string
}

export function openJournalReserve(folders: string[]): JournalReserve {
  const places = folders.map((folder) => [1, 2].map((turn) => join(folder, `journal.reserve-${turn}`)))
  const own = places[0] ?? []
  for (const path of own) allocate(path)
  let sequence = 0

  return {
    keep({ journalBytes, replaces, lines }) {
      sequence += 1
      const header: Header = {
        sequence,
        journalBytes,
        replaces,
        bytes: lines.length,
        digest: digestOf(lines),
      }
      const content = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), lines])
      for (const files of places) if (overwrite(files[sequence % 2] ?? '', content)) return
    },
    find(journalBytes) {
      const found = places
        .flat()
        .flatMap((path) => parse(path) ?? [])
        .filter(({ header }) => header.journalBytes === journalBytes)
        .sort((a, b) => b.header.sequence - a.header.sequence)[0]
      if (found === undefined) return null
      sequence = Math.max(sequence, found.header.sequence)
      return { replaces: found.header.replaces, lines: found.lines }
    },
    clear() {
      for (const path of places.flat()) if (parse(path) !== null) overwrite(path, Buffer.from('\n'))
      for (const path of own) allocate(path)
    },
  }
}

function parse(path: string): { header: Header; lines: Buffer } | null {
  try {
    const content = readFileSync(path)
    const end = content.indexOf('\n')
    const header = JSON.parse(content.toString('utf8', 0, end)) as Header
    const lines = content.subarray(end + 1, end + 1 + header.bytes)
    return digestOf(lines) === header.digest ? { header, lines } : null
  } catch {
    return null // there is none, it is empty, or it was not written completely
  }
}

const digestOf = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex')

/** Writes over the first bytes. Returns whether that succeeded. Creates the file if it does not exist. */
function overwrite(path: string, content: Buffer): boolean {
  try {
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    try {
      for (let done = 0; done < content.length;)
        done += writeSync(file, content, done, content.length - done, done)
      return true
    } finally {
      closeSync(file)
    }
  } catch (error) {
    errorCode(error)
    return false
  }
}

/** Makes the file as long as it is to be. What cannot be allocated now is allocated at the next call. */
function allocate(path: string): void {
  try {
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    try {
      const { size } = fstatSync(file)
      if (size < reservedBytes) writeSync(file, Buffer.alloc(reservedBytes - size), 0, undefined, size)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    errorCode(error)
  }
}
