import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { endianness } from 'node:os'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { errorCode } from '../linux/posix.js'

/** e_machine of elf(5), by Node's name of the architecture. */
const machines: Partial<Record<string, number>> = { x64: 62, arm64: 183 }

/**
 * Checks that execve(2) can execute the file. Fails with `CannotStart` and the reason. A shell would only report exit
 * code 126 or 127, which programs also use for other errors.
 */
export function checkExecutable(path: string): Result<null> {
  try {
    if (!statSync(path).isFile()) return failed('CannotStart', `"${path}" is not a file`)
    accessSync(path, constants.X_OK)
    const start = readStart(path)
    return start === null ? ok(null) : checkFormat(path, start)
  } catch (error) {
    return failed('CannotStart', explain(path, errorCode(error)))
  }
}

function checkFormat(path: string, start: Buffer): Result<null> {
  if (start.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'))) return checkMachine(path, start)
  if (start.subarray(0, 2).toString('latin1') === '#!') return checkInterpreter(path, start)
  // execvp(3) and shells run a text file without a `#!` line as a script of /bin/sh.
  if (start.length > 0 && !start.includes(0)) return ok(null)
  return failed('CannotStart', `"${path}" is neither a program nor a script`)
}

function checkMachine(path: string, start: Buffer): Result<null> {
  const expected = machines[process.arch]
  const littleEndian = endianness() === 'LE' && start[5] === 1
  if (expected === undefined || !littleEndian || start.length < 20) return ok(null)
  const machine = start.readUInt16LE(18)
  // A 64-bit kernel also runs 32-bit programs: 3 is i386, 40 is 32-bit Arm.
  if (machine === expected || machine === 3 || machine === 40) return ok(null)
  return failed(
    'CannotStart',
    `"${path}" is a program for another processor (ELF machine ${machine}), wanted ${process.arch}`,
  )
}

function checkInterpreter(path: string, start: Buffer): Result<null> {
  const line = start.toString('utf8', 2).split('\n')[0] ?? ''
  const interpreter = line.trim().split(/\s/)[0] ?? ''
  try {
    accessSync(interpreter, constants.X_OK)
    return ok(null)
  } catch {
    return failed('CannotStart', `"${path}" names the interpreter "${interpreter}", which cannot be executed`)
  }
}

/** Null if the file cannot be read. It may still be executable. */
function readStart(path: string): Buffer | null {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return null
  }
  try {
    const start = Buffer.alloc(256) // BINPRM_BUF_SIZE: the kernel reads no more
    return start.subarray(0, readSync(fd, start, 0, start.length, 0))
  } finally {
    closeSync(fd)
  }
}

function explain(path: string, code: string): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `"${path}" does not exist`
    case 'EACCES':
      return `"${path}" is not executable: it needs the x permission`
    default:
      return `"${path}" cannot be executed: ${code}`
  }
}
