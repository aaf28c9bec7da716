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

const lastBytes = 64 * 1024
const mostLines = 20
const longestLine = 500

/** The output of one run of an instance, in `<folder>/<instance>.log`, which earlier runs may have begun. */
export interface OutputFile {
  path: string
  /** Where this run's output begins. */
  start: number
}

export function outputFile(folder: string, instance: string): OutputFile {
  const path = join(folder, `${instance}.log`)
  return { path, start: statSync(path, { throwIfNoEntry: false })?.size ?? 0 }
}

/** Appends only (O_APPEND): the file may be truncated at any time, and several processes write to it. */
export function openOutput({ path }: OutputFile): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return openSync(path, 'a', 0o600)
}

/** The last lines of the run, at most 20, long ones cut; of much output only the last 64 KiB are looked at. */
export function lastLines({ path, start }: OutputFile): string[] {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return [] // somebody took it away
  }
  try {
    const { size } = fstatSync(fd)
    const begin = start > size ? 0 : start // it was truncated since
    const from = Math.max(begin, size - lastBytes)
    const bytes = Buffer.alloc(size - from)
    const text = bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, from))
    const lines = text.split('\n').map((line) => line.trimEnd())
    if (from > begin) lines.shift() // begins in the middle
    return lines
      .filter((line) => line !== '')
      .slice(-mostLines)
      .map(cut)
  } finally {
    closeSync(fd)
  }
}

const cut = (line: string): string =>
  line.length > longestLine ? `${line.slice(0, longestLine - 1)}…` : line

/** Deletes the oldest files of instances that are gone, beyond the newest `retain` of them. */
export function trimOutputs(folder: string, retain: number, isAlive: (instance: string) => boolean): void {
  if (!existsSync(folder)) return // somebody took it away
  const gone = readdirSync(folder)
    .filter((file) => file.endsWith('.log') && !isAlive(file.slice(0, -'.log'.length)))
    .map((file) => join(folder, file))
    .map((path) => ({ path, time: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.time - a.time)
  for (const { path } of gone.slice(retain)) rmSync(path, { force: true })
}
