import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'

/** Where programs are looked for. */
export interface Surroundings {
  /** What relative paths start from: the release. */
  folder: string
  env: Record<string, string>
}

/** A file that can be executed. */
export interface Program {
  /** Absolute; symbolic links are kept, since a program may look at the name it was called by. */
  path: string
  /** The words of its `#!` line, if it is a script. */
  interpreter: string[]
}

/** What execvp(3) takes where PATH is not set. */
const defaultPath = '/usr/local/bin:/usr/bin:/bin'

/**
 * Finds what execvp(3) would execute: a name with a slash from the folder, any other on PATH. `node` is always
 * found: where PATH has none it is the one that runs the supervisor.
 */
export function findProgram(name: string, surroundings: Surroundings): Result<Program> {
  if (name === '') return failed('CannotStart', 'the command is empty')
  if (name.includes('/')) return checkProgram(resolve(surroundings.folder, name), name, surroundings)
  const found = findOnPath(name, surroundings)
  if (found !== null) return checkProgram(found, name, surroundings)
  if (name === 'node') return ok({ path: process.execPath, interpreter: [] })
  const beside = isFile(resolve(surroundings.folder, name))
    ? `; the file beside it is called "./${name}"`
    : ''
  return failed('CannotStart', `the program "${name}" is not on the PATH${beside}`)
}

/** The file of that name on PATH: the first executable one, as execvp(3) does. */
export function findOnPath(name: string, { folder, env }: Surroundings): string | null {
  const folders = (env['PATH'] ?? defaultPath).split(':')
  const candidates = folders.map((entry) => join(resolve(folder, entry), name))
  return candidates.find((path) => isFile(path) && isExecutable(path)) ?? null
}

/** The words of a `#!` line; empty for any other file. */
export function readShebang(path: string): string[] {
  // The kernel reads 256 bytes of it (BINPRM_BUF_SIZE, execve(2)).
  const buffer = Buffer.alloc(256)
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return []
  }
  const length = readSync(file, buffer)
  closeSync(file)
  const line = buffer.toString('latin1', 0, length).split('\n')[0] ?? ''
  if (!line.startsWith('#!')) return []
  return line
    .slice(2)
    .split(/[ \t]+/)
    .filter((word) => word !== '')
}

function checkProgram(path: string, name: string, surroundings: Surroundings): Result<Program> {
  const stat = statSync(path, { throwIfNoEntry: false })
  const cannot = (why: string) => failed('CannotStart', `the program "${name}" ${why}`)
  if (!stat) return cannot(`is not there (looked for "${path}")`)
  if (stat.isDirectory()) return cannot(`is a folder ("${path}")`)
  if (!isExecutable(path)) return cannot(`is not executable: ${remedy(path, name)}`)
  const interpreter = readShebang(path)
  const broken = brokenInterpreter(interpreter, surroundings)
  return broken === null ? ok({ path, interpreter }) : cannot(broken)
}

const remedy = (path: string, name: string): string =>
  /\.[mc]?[jt]s$/.test(path)
    ? `write "node ${name}", or chmod +x it`
    : 'chmod +x it, or name the program that runs it'

/** Why the kernel, or env(1), would not find the interpreter of a script. */
function brokenInterpreter([path, ...words]: string[], surroundings: Surroundings): string | null {
  if (path === undefined) return null
  const last = words.at(-1) ?? path
  if (last.endsWith('\r'))
    return `has a "#!${last.slice(0, -1)}" line that ends as on Windows, wanted no carriage return`
  if (!isFile(path)) return `asks for the interpreter "${path}", which is not there`
  if (!isExecutable(path)) return `asks for the interpreter "${path}", which is not executable`
  const named = interpreterName([path, ...words])
  const missing = named !== path && findOnPath(named, surroundings) === null
  return missing ? `asks for the interpreter "${named}", which is not on the PATH` : null
}

/** What really interprets: for `/usr/bin/env -S node --flag` it is `node`. */
export function interpreterName([path = '', ...words]: string[]): string {
  if (!path.endsWith('/env')) return path
  return words.find((word) => !word.startsWith('-') && !word.includes('=')) ?? path
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
