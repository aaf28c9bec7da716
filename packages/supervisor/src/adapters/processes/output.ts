import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

const maxBytes = 64 * 1024
const maxLines = 20
const maxLineLength = 500

/** The output of one run of an instance in `<folder>/<instance>.log`. The file may contain earlier runs too. */
export interface OutputFile {
  path: string
  /** Where this run's output begins. */
  start: number
}

export function outputFile(folder: string, instance: string): OutputFile {
  const path = join(folder, `${instance}.log`)
  return { path, start: statSync(path, { throwIfNoEntry: false })?.size ?? 0 }
}

/** Opens with O_APPEND: the file can be truncated at any time, and several processes write to it. */
export function openOutput({ path }: OutputFile): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return openSync(path, 'a', 0o600)
}

/** The last lines of the run: at most 20, each cut to 500 characters, from the last 64 KiB. */
export function lastLines({ path, start }: OutputFile): string[] {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return [] // It was deleted.
  }
  try {
    const { size } = fstatSync(fd)
    const begin = start > size ? 0 : start // It was truncated.
    const from = Math.max(begin, size - maxBytes)
    const bytes = Buffer.alloc(size - from)
    const text = bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, from))
    const lines = text.split('\n').map((line) => line.trimEnd())
    if (from > begin) lines.shift() // The first line is incomplete.
    return lines
      .filter((line) => line !== '')
      .slice(-maxLines)
      .map(cut)
  } finally {
    closeSync(fd)
  }
}

const cut = (line: string): string =>
  line.length > maxLineLength ? `${line.slice(0, maxLineLength - 1)}…` : line

/** Deletes log files of instances that have exited, except for the newest `retain`. */
export function trimOutputs(folder: string, retain: number, isAlive: (instance: string) => boolean): void {
  if (!existsSync(folder)) return
  const gone = readdirSync(folder)
    .filter((file) => file.endsWith('.log') && !isAlive(file.slice(0, -'.log'.length)))
    .map((file) => join(folder, file))
    .map((path) => ({ path, time: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.time - a.time)
  for (const { path } of gone.slice(retain)) rmSync(path, { force: true })
}
