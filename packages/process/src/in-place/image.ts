import fs from 'node:fs'
import path from 'node:path'
import type { Environment } from '../protocol/environment.js'
import { HandoverError, OptionError } from '../protocol/errors.js'

/** What differs in the next program; all else is as it was when this one was started. */
export interface ExecOptions {
  /** Variables that change; `undefined` takes one away. */
  env?: Record<string, string | undefined>
  /** The program and its arguments. Default: this program's own command line. */
  argv?: string[]
  /** Working folder. Default: the one that this program was started in, a symbolic link (PWD) followed anew. */
  cwd?: string
  /**
   * Seconds within which there must be a moment at which everything can be kept or has ended.
   * Default: the drain's `timeoutSeconds`.
   */
  timeoutSeconds?: number
  /**
   * Past that time: `true` cuts what is left and goes on; `false` gives up, and this program goes on serving.
   * Default: false.
   */
  cut?: boolean
}

/** What a supervisor may give beside: the whole environment, in place of the one that this program was started with. */
export interface ImageOptions extends ExecOptions {
  environment?: Record<string, string>
}

/** The next program, in the words of execve(2). */
export interface Image {
  file: string
  argv: string[]
  env: Record<string, string>
  cwd: string
}

/** How this process was started. To be asked early: programs change their title, folder and environment. */
export interface Origin {
  argv: string[]
  cwd: string
}

export function origin(): Origin {
  return { argv: ownCommandLine(), cwd: ownFolder() }
}

/**
 * @throws OptionError when an option has the wrong type
 * @throws HandoverError `ERR_HANDOVER_EXEC` when the program or the folder is not there
 */
export function nextImage(
  options: ImageOptions,
  { argv: own, cwd: folder }: Origin,
  taken: Environment,
): Image {
  const { argv = own, cwd = folder, env = {} } = options
  if (!Array.isArray(argv) || argv.length === 0 || !argv.every(isText))
    throw new OptionError(
      'argv is not a list of words without NUL, the program and its arguments were expected',
    )
  const variables = withChanges({ ...restored(taken), ...(options.environment ?? startedWith()) }, env)
  if (!fs.statSync(cwd, { throwIfNoEntry: false })?.isDirectory())
    throw new HandoverError('ERR_HANDOVER_EXEC', `The folder "${cwd}" is not there`)
  return { file: findProgram(argv[0] ?? '', cwd, variables.PATH), argv: [...argv], env: variables, cwd }
}

/** As the kernel has it, the script's path unresolved; put together where the program changed its title. */
function ownCommandLine(): string[] {
  const words = readWords('/proc/self/cmdline')
  const known = [process.argv0, ...process.execArgv, ...process.argv.slice(1)]
  const untouched = words.length === known.length && words.every((word, i) => isSame(word, known[i] ?? ''))
  return untouched ? words : known
}

/** Node makes the path of the script absolute. */
const isSame = (word: string, known: string): boolean => word === known || path.resolve(word) === known

function ownFolder(): string {
  const { PWD } = process.env
  const cwd = process.cwd()
  try {
    return PWD !== undefined && path.isAbsolute(PWD) && fs.realpathSync(PWD) === cwd ? PWD : cwd
  } catch {
    return cwd
  }
}

/**
 * The environment that this program was started with, not what it has become: what a program reads from a file
 * into its environment (dotenv, `--env-file`) would hide the file's new content from the next one.
 */
function startedWith(): Record<string, string> {
  const pairs = readWords('/proc/self/environ').map((word) => {
    const end = word.indexOf('=', 1)
    return [word.slice(0, end), word.slice(end + 1)] as [string, string]
  })
  const known = pairs.length > 0 ? pairs : given(process.env)
  return Object.fromEntries(known.filter(([name]) => !consumed.test(name)))
}

/** Of this very program: listeners are passed anew, and Node's IPC channel (NODE_CHANNEL_FD) ends. */
const consumed = /^(LISTEN_(FDS|PID|FDNAMES)|HANDOVER_(EXEC|PREDECESSOR)|NODE_CHANNEL_.*|NODE_UNIQUE_ID)$/

/** What was taken out of the environment when this program began, and is for the next one as well. */
const restored = (environment: Environment): Record<string, string> =>
  Object.fromEntries(given({ ...environment }).filter(([name]) => !consumed.test(name)))

const given = (variables: Record<string, string | undefined>): [string, string][] =>
  Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))

function withChanges(
  env: Record<string, string>,
  changes: Record<string, string | undefined>,
): Record<string, string> {
  const changed = { ...env }
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) Reflect.deleteProperty(changed, name)
    else if (isText(name) && isText(value) && name !== '' && !name.includes('=')) changed[name] = value
    else throw new OptionError(`env.${name} is not text without NUL, the value of a variable was expected`)
  }
  return changed
}

const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0')

/** As execvp(3) looks for it; what is not found is said before anything is disturbed. */
function findProgram(name: string, cwd: string, searchPath = '/usr/local/bin:/usr/bin:/bin'): string {
  const folders = name.includes('/') ? [''] : searchPath.split(':')
  const candidates = folders.map((folder) => path.resolve(cwd, folder, name))
  const found = candidates.find(isExecutable)
  if (found !== undefined) return found
  // Started by a path, under another name: the program is where it was.
  if (name === process.argv0 && isExecutable(process.execPath)) return process.execPath
  throw new HandoverError('ERR_HANDOVER_EXEC', `The program "${name}" is not there, or not executable`)
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK)
    return fs.statSync(file).isFile()
  } catch {
    return false
  }
}

/** proc(5): each word ends with a NUL. */
function readWords(file: string): string[] {
  try {
    return fs.readFileSync(file, 'utf8').split('\0').slice(0, -1)
  } catch {
    return []
  }
}
