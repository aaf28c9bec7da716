import fs from 'node:fs'
import path from 'node:path'
import { workingFolder } from '#shared/working-folder.js'

export { physicalFolder } from '#shared/working-folder.js'

/** How this process was started: everything that is needed to start the same program again. */
export interface CommandLine {
  /** As it was given, for example `node`, with links unresolved. It may be any name: see `exec -a`. */
  argv0: string
  /** `argv0` if that names a program, else this program's file. Each start looks it up again and follows a new link. */
  program: string
  /** Node's options, the script as it was written, and its arguments. */
  args: string[]
  /** The logical folder ($PWD) if there is one: with `/srv/current`, a switched link leads to the new release. */
  cwd: string
  /** The environment at the start, without later additions of the program or a library such as dotenv. */
  env: NodeJS.ProcessEnv
}

/** Call it at the start: `process.title` overwrites /proc/self/cmdline, and `process.chdir()` changes the folder. */
export function ownCommandLine(): CommandLine {
  const env = initialEnvironment() ?? { ...process.env }
  const cwd = workingFolder(env.PWD)
  const [argv0 = '', ...args] = rawCommandLine() ?? [process.argv0, ...process.execArgv, ...scriptOf(cwd)]
  const program = findProgram(argv0, cwd, env.PATH) === null ? process.execPath : argv0
  return { argv0, program, args, cwd, env }
}

/** The file that execvp(3) would execute, or null if there is none. `search` is the value of PATH. */
export function findProgram(
  name: string,
  cwd: string,
  search = '/usr/local/bin:/usr/bin:/bin',
): string | null {
  if (name === '') return null
  const folders = name.includes('/') ? [''] : search.split(':')
  return folders.map((folder) => path.resolve(cwd, folder, name)).find(isExecutable) ?? null
}

export function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK)
    return fs.statSync(file).isFile()
  } catch {
    return false
  }
}

/** Node makes `argv[1]` absolute with the physical folder. This replaces that folder by `cwd`. */
function scriptOf(cwd: string): string[] {
  const [, script, ...args] = process.argv
  if (script === undefined) return []
  const below = path.relative(workingFolder(undefined), script)
  return [below.startsWith('..') || path.isAbsolute(below) ? script : path.join(cwd, below), ...args]
}

/** proc_pid_cmdline(5). Null if it was overwritten since the start. */
function rawCommandLine(): string[] | null {
  const words = zeroSeparated('/proc/self/cmdline')
  if (words === null) return null
  const expected = 1 + process.execArgv.length + Math.max(process.argv.length - 1, 0)
  const known = [...process.execArgv, ...process.argv.slice(2)]
  const intact = words.length === expected && known.every((word) => words.includes(word))
  return intact ? words : null
}

/** proc_pid_environ(5): the environment at execve(2). */
function initialEnvironment(): NodeJS.ProcessEnv | null {
  const entries = zeroSeparated('/proc/self/environ')
  if (entries === null) return null
  return Object.fromEntries(
    entries
      .filter((entry) => entry.indexOf('=') > 0)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  )
}

function zeroSeparated(file: string): string[] | null {
  try {
    return fs.readFileSync(file, 'utf8').split('\0').slice(0, -1)
  } catch {
    return null
  }
}
