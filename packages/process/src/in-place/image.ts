import fs from 'node:fs'
import type { Environment } from '../protocol/environment.js'
import { HandoverError, OptionError } from '../protocol/errors.js'
import { findProgram, isExecutable, type CommandLine } from '../system/command-line.js'

/** What differs in the next program. Everything else is the same as when this program was started. */
export interface ExecOptions {
  /** Variables that change; `undefined` removes one. */
  env?: Record<string, string | undefined>
  /** The program and its arguments. Default: this program's own command line. */
  argv?: string[]
  /** Working folder. Default: the one in which this program was started. A symbolic link (PWD) is resolved again. */
  cwd?: string
  /**
   * Seconds within which everything must have ended or be ready to be carried over, all at one moment.
   * Default: the drain's `timeoutSeconds`.
   */
  timeoutSeconds?: number
  /**
   * After that time, `true` cuts what is left and continues, and `false` gives up, so this program keeps serving.
   * Default: false.
   */
  cut?: boolean
}

/** Only from a supervisor: the whole environment, instead of the one with which this program was started. */
export interface ImageOptions extends ExecOptions {
  environment?: Record<string, string>
}

/** The next program, as the arguments of execve(2). */
export interface Image {
  file: string
  argv: string[]
  env: Record<string, string>
  cwd: string
}

/**
 * `environment`: what was taken out of `process.env` when this program began.
 *
 * @throws OptionError when an option has the wrong type
 * @throws HandoverError `ERR_HANDOVER_EXEC` when the program or the folder does not exist
 */
export function nextImage(options: ImageOptions, own: CommandLine, environment: Environment): Image {
  const { argv = [own.argv0, ...own.args], cwd = own.cwd, env = {} } = options
  if (!Array.isArray(argv) || argv.length === 0 || !argv.every(isText))
    throw new OptionError('argv is not a list of words without NUL, wanted the program and its arguments')
  const started = options.environment ?? forNextProgram(own.env)
  const variables = withChanges({ ...forNextProgram({ ...environment }), ...started }, env)
  if (!isFolder(cwd)) throw new HandoverError('ERR_HANDOVER_EXEC', `The folder "${cwd}" does not exist`)
  return { file: fileOf(argv[0] ?? '', cwd, variables.PATH), argv: [...argv], env: variables, cwd }
}

function isFolder(path: string): boolean {
  try {
    return fs.statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** Checked before any connection is affected. */
function fileOf(name: string, cwd: string, search: string | undefined): string {
  const found = findProgram(name, cwd, search)
  if (found !== null) return found
  // It was started by path under another name: the program is at the same path.
  if (name === process.argv0 && isExecutable(process.execPath)) return process.execPath
  throw new HandoverError('ERR_HANDOVER_EXEC', `The program "${name}" does not exist, or is not executable`)
}

/** Variables for this program only: listeners are passed again, and Node's IPC channel (NODE_CHANNEL_FD) ends. */
const consumed = /^(LISTEN_(FDS|PID|FDNAMES)|HANDOVER_(EXEC|PREDECESSOR)|NODE_CHANNEL_.*|NODE_UNIQUE_ID)$/

function forNextProgram(variables: Record<string, string | undefined>): Record<string, string> {
  const entries = Object.entries(variables).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !consumed.test(entry[0]),
  )
  return Object.fromEntries(entries)
}

function withChanges(
  env: Record<string, string>,
  changes: Record<string, string | undefined>,
): Record<string, string> {
  const changed = { ...env }
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) Reflect.deleteProperty(changed, name)
    else if (isText(name) && isText(value) && name !== '' && !name.includes('=')) changed[name] = value
    else throw new OptionError(`env.${name} is not text without NUL, wanted the value of a variable`)
  }
  return changed
}

const isText = (value: unknown): value is string => typeof value === 'string' && !value.includes('\0')
