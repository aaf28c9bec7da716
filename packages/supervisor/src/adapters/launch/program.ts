import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'

/** Where programs are looked for. */
export interface ProgramContext {
  /** The base of relative paths: the release. */
  folder: string
  env: Record<string, string>
  /** Who executes them. Default: the user of this process. */
  account?: { uid?: number; gid?: number; groups?: number[] }
}

/** A file that can be executed. */
export interface Program {
  /** Absolute. Symbolic links are not resolved, because a program may depend on the name that it is called by. */
  path: string
  /** The words of its `#!` line, if it is a script. */
  interpreter: string[]
}

/** Used if PATH is not set, as in execvp(3). */
const defaultPath = '/usr/local/bin:/usr/bin:/bin'

/**
 * Finds what execvp(3) would execute: a name with a slash relative to the folder, any other on PATH. If PATH has no
 * `node`, it is the executable that runs the supervisor. Fails with `CannotStart`.
 */
export function findProgram(name: string, context: ProgramContext): Result<Program> {
  if (name === '') return failed('CannotStart', 'the command is empty')
  if (name.includes('/')) return checkProgram(resolve(context.folder, name), name, context)
  const found = findOnPath(name, context)
  if (found !== null) return checkProgram(found, name, context)
  if (name === 'node') return ok({ path: process.execPath, interpreter: [] })
  const beside = isFile(resolve(context.folder, name)) ? `; the file beside it is called "./${name}"` : ''
  const closed = pathOf(context).filter((folder) => look(join(folder, name)) === 'EACCES')
  const skipped = closed.length === 0 ? '' : `, of which this user may not enter "${closed.join('", "')}"`
  return failed('CannotStart', `the program "${name}" is not on the PATH${skipped}${beside}`)
}

/**
 * The first executable file of that name on PATH, as in execvp(3). Root finds files that the service's user may not
 * reach, such as those of a PATH with a folder in /root: they are passed over if there is another.
 */
export function findOnPath(name: string, context: ProgramContext): string | null {
  const candidates = pathOf(context).map((folder) => join(folder, name))
  const found = candidates.filter((path) => isFile(path) && isExecutable(path))
  return found.find((path) => mayReach(path, context.account ?? {})) ?? found[0] ?? null
}

/** Whether the mode bits let this user enter all folders of the path, and execute the file. ACLs are not looked at. */
function mayReach(
  path: string,
  { uid = 0, gid, groups = [] }: NonNullable<ProgramContext['account']>,
): boolean {
  if (uid === 0 || process.getuid?.() !== 0) return true
  const groupIds = gid === undefined ? groups : [gid, ...groups]
  for (let at = realpathSync(path); ; at = dirname(at)) {
    const stat = statSync(at)
    const shift = stat.uid === uid ? 6 : groupIds.includes(stat.gid) ? 3 : 0
    if (((stat.mode >> shift) & 1) === 0) return false
    if (at === dirname(at)) return true
  }
}

const pathOf = ({ folder, env }: ProgramContext): string[] =>
  (env['PATH'] ?? defaultPath).split(':').map((entry) => resolve(folder, entry))

/** The words of the file's `#!` line. Empty if it has none. */
export function readShebang(path: string): string[] {
  // The kernel reads the first 256 bytes (BINPRM_BUF_SIZE, execve(2)).
  const buffer = Buffer.alloc(256)
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return []
  }
  const length = fstatSync(file).isFile() ? readSync(file, buffer) : 0
  closeSync(file)
  const line = buffer.toString('latin1', 0, length).split('\n')[0] ?? ''
  if (!line.startsWith('#!')) return []
  return line
    .slice(2)
    .split(/[ \t]+/)
    .filter((word) => word !== '')
}

function checkProgram(path: string, name: string, context: ProgramContext): Result<Program> {
  const stat = look(path)
  const cannot = (why: string) => failed('CannotStart', `the program "${name}" ${why}`)
  if (stat === 'EACCES') return cannot(`is in a folder that this user may not enter (looked for "${path}")`)
  if (typeof stat === 'string') return cannot(`does not exist (looked for "${path}")`)
  if (stat.isDirectory()) return cannot(`is a folder ("${path}")`)
  if (!isExecutable(path)) return cannot(`is not executable: ${remedy(path, name)}`)
  const interpreter = readShebang(path)
  const broken = brokenInterpreter(interpreter, context)
  return broken === null ? ok({ path, interpreter }) : cannot(broken)
}

const remedy = (path: string, name: string): string =>
  /\.[mc]?[jt]s$/.test(path)
    ? `write "node ${name}", or chmod +x it`
    : 'chmod +x it, or name the program that runs it'

/** Why the kernel or env(1) cannot run the interpreter of a script. Null if they can. */
function brokenInterpreter([path, ...words]: string[], context: ProgramContext): string | null {
  if (path === undefined) return null
  const last = words.at(-1) ?? path
  if (last.endsWith('\r'))
    return `has a "#!${last.slice(0, -1)}" line with a Windows line ending, wanted no carriage return`
  if (!isFile(path)) return `names the interpreter "${path}", which does not exist`
  if (!isExecutable(path)) return `names the interpreter "${path}", which is not executable`
  const named = interpreterName([path, ...words])
  const missing = named !== path && findOnPath(named, context) === null
  return missing ? `names the interpreter "${named}", which is not on the PATH` : null
}

/** The actual interpreter: `node` for `/usr/bin/env -S node --flag`. */
export function interpreterName([path = '', ...words]: string[]): string {
  if (!path.endsWith('/env')) return path
  return words.find((word) => !word.startsWith('-') && !word.includes('=')) ?? path
}

/** False for a path that cannot be reached, too: execvp(3) and shells try the next folder of PATH. */
function isFile(path: string): boolean {
  const stat = look(path)
  return typeof stat !== 'string' && stat.isFile()
}

/** The file, or the code of the error. */
export function look(path: string): Stats | string {
  try {
    return statSync(path)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'UNKNOWN'
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
