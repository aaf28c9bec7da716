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
import { errorReason } from '../linux/error-reason.js'
import { errorCode } from '../linux/posix.js'

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
  return { path, start: sizeOf(path) }
}

/**
 * Opens with O_APPEND: the file can be truncated at any time, and several processes write to it. If it cannot be opened,
 * for example because the disk is full, the output is lost, and `onLost` gets the reason: a service must not end for
 * want of a log.
 */
export function openOutput({ path }: OutputFile, onLost: (reason: string) => void): number {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    return openSync(path, 'a', 0o600)
  } catch (error) {
    onLost(`its output is lost: "${path}" cannot be opened: ${errorReason(error)}`)
    return openSync('/dev/null', 'a')
  }
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
  } catch (error) {
    errorCode(error)
    return [] // The disk has an error.
  } finally {
    closeSync(fd)
  }
}

const cut = (line: string): string =>
  line.length > maxLineLength ? `${line.slice(0, maxLineLength - 1)}…` : line

/** Deletes log files of instances that have exited, except for the newest `retain`. */
export function trimOutputs(folder: string, retain: number, isAlive: (instance: string) => boolean): void {
  try {
    trim(folder, retain, isAlive)
  } catch (error) {
    errorCode(error) // The folder cannot be written now. The next exit tries again.
  }
}

function trim(folder: string, retain: number, isAlive: (instance: string) => boolean): void {
  if (!existsSync(folder)) return
  const gone = readdirSync(folder)
    .filter((file) => file.endsWith('.log') && !isAlive(file.slice(0, -'.log'.length)))
    .map((file) => join(folder, file))
    .map((path) => ({ path, time: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.time - a.time)
  for (const { path } of gone.slice(retain)) rmSync(path, { force: true })
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (error) {
    errorCode(error)
    return 0 // It does not exist, or its folder cannot be read.
  }
}
