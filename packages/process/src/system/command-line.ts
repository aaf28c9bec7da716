import fs from 'node:fs'
import path from 'node:path'

/** How this very process was started: everything that is needed to start it anew. */
export interface CommandLine {
  /** argv[0] as it was given, `node` for example: looked up anew, so that a switched link means the new version. */
  program: string
  /** Node's own options, the script as it was written, and its arguments. */
  args: string[]
  /** The logical folder ($PWD) where there is one: with `/srv/current` a switched link means the new release. */
  cwd: string
  /** What it was given, without what it or a library (dotenv, for example) has added since. */
  env: NodeJS.ProcessEnv
}

/**
 * The command line of this process, its links unresolved. To be read at the start: `process.title` overwrites
 * what /proc/self/cmdline shows, and `process.chdir` the folder.
 */
export function ownCommandLine(): CommandLine {
  const env = initialEnvironment() ?? { ...process.env }
  const cwd = logicalFolder(env.PWD, process.cwd())
  const [argv0 = '', ...args] = rawCommandLine() ?? [process.argv0, ...process.execArgv, ...scriptOf(cwd)]
  return { program: isProgram(argv0, cwd, env.PATH) ? argv0 : process.execPath, args, cwd, env }
}

/** $PWD, if it leads to the folder that this process is in; POSIX asks no more of it (cd, `pwd -L`). */
export function logicalFolder(pwd: string | undefined, physical: string): string {
  try {
    return pwd !== undefined && path.isAbsolute(pwd) && fs.realpathSync(pwd) === physical ? pwd : physical
  } catch {
    return physical
  }
}

/** Node makes `argv[1]` absolute by the physical folder; put back what is below it. */
function scriptOf(cwd: string): string[] {
  const [, script, ...args] = process.argv
  if (script === undefined) return []
  const below = path.relative(process.cwd(), script)
  return [below.startsWith('..') || path.isAbsolute(below) ? script : path.join(cwd, below), ...args]
}

/** proc_pid_cmdline(5). Null where it is not what Node was given any more. */
function rawCommandLine(): string[] | null {
  const words = zeroSeparated('/proc/self/cmdline')
  if (words === null) return null
  const expected = 1 + process.execArgv.length + Math.max(process.argv.length - 1, 0)
  const known = [...process.execArgv, ...process.argv.slice(2)]
  const intact = words.length === expected && known.every((word) => words.includes(word))
  return intact ? words : null
}

/** proc_pid_environ(5): as it was at execve(2). */
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

/** Whether execvp(3) would find it: `exec -a` gives a process any name. */
function isProgram(name: string, cwd: string, search = '/usr/local/bin:/usr/bin:/bin'): boolean {
  if (name === '') return false
  const folders = name.includes('/') ? [''] : search.split(':')
  return folders.some((folder) => {
    const file = path.resolve(cwd, folder, name)
    try {
      fs.accessSync(file, fs.constants.X_OK)
      return fs.statSync(file).isFile()
    } catch {
      return false
    }
  })
}
