import { fstatSync, writeSync } from 'node:fs'
import { errorReason } from './linux/error-reason.js'
import { counted } from '../model/text.js'

/**
 * Writes lines to a file. A line that cannot be written, for example because the disk is full, is dropped, and the next
 * one that can be written says how many are missing. A stream of Node ends for good at its first error.
 */
export function lineWriter(fd: number): (line: string) => void {
  let lost = 0
  let reason = ''
  let torn = false

  function write(text: string): boolean {
    const bytes = Buffer.from(torn ? `\n${text}` : text)
    try {
      const written = writeSync(fd, bytes)
      torn = written < bytes.length
      if (torn) reason = 'only a part of the last one was'
      return !torn
    } catch (error) {
      reason = errorReason(error)
      return false
    }
  }
  return (line) => {
    if (lost > 0 && write(`${counted(lost, 'line')} could not be written here: ${reason}\n`)) lost = 0
    if (lost > 0 || !write(`${line}\n`)) lost++
  }
}

/** Whether the descriptor is a regular file: it can be full, but writing to it never waits for a reader. */
export function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile()
  } catch {
    return false // It is closed.
  }
}
