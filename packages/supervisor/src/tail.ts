import type { FSWatcher } from 'node:fs'
import { closeSync, existsSync, openSync, readSync, readdirSync, statSync, watch } from 'node:fs'
import { basename, join } from 'node:path'
import { LineSplitter } from '#shared/lines.js'

export interface Tail {
  close(): void
}

export interface TailOptions {
  /** Folders of `<instance>.log` files. Folders that do not exist are skipped. */
  folders: string[]
  /** How many lines of each existing file to pass on at the start. */
  last: number
  onLine: (instance: string, line: string) => void
}

const chunkBytes = 64 * 1024

/**
 * Follows the log files in these folders, including new ones. It uses inotify(7) (fs.watch) and does not poll. A file
 * that has shrunk (copytruncate) is read from its start.
 */
export function tail({ folders, last, onLine }: TailOptions): Tail {
  const offsets = new Map<string, { read: number; lines: LineSplitter }>()
  const watchers: FSWatcher[] = []

  /** A file can be deleted at any time, and a disk can fail: the next change of the folder tries again. */
  const tryToRead = (path: string) => {
    try {
      readNew(path)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error
    }
  }

  const readNew = (path: string) => {
    const size = sizeOf(path)
    if (size === null) return void offsets.delete(path)
    const position = offsets.get(path) ?? { read: 0, lines: new LineSplitter() }
    if (size < position.read) position.read = 0
    const lines = position.lines.push(readFrom(path, position.read, size))
    offsets.set(path, { ...position, read: size })
    for (const line of lines) onLine(basename(path, '.log'), line)
  }

  for (const folder of folders) {
    if (!existsSync(folder)) continue
    watchers.push(
      watch(folder, (_event, file) => {
        if (file?.endsWith('.log')) tryToRead(join(folder, file))
      }).on('error', () => {}),
    )
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.log'))) {
      const path = join(folder, file)
      const lines = lastLines(path, last)
      offsets.set(path, { read: sizeOf(path) ?? 0, lines: new LineSplitter() })
      for (const line of lines) onLine(basename(path, '.log'), line)
    }
  }
  return {
    close() {
      for (const watcher of watchers) watcher.close()
    },
  }
}

/** The last lines of a file. Of a long file, only the last MiB is read. */
export function lastLines(path: string, number: number): string[] {
  const size = sizeOf(path)
  if (size === null || number === 0) return []
  const text = readFrom(path, Math.max(0, size - 2 ** 20), size)
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.slice(-number)
}

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null
}

function readFrom(path: string, start: number, end: number): string {
  const fd = openSync(path, 'r')
  try {
    const parts: Buffer[] = []
    for (let at = start; at < end;) {
      const chunk = Buffer.alloc(Math.min(chunkBytes, end - at))
      const read = readSync(fd, chunk, 0, chunk.length, at)
      if (read === 0) break
      parts.push(chunk.subarray(0, read))
      at += read
    }
    return Buffer.concat(parts).toString()
  } finally {
    closeSync(fd)
  }
}
