import fs from 'node:fs'
import path from 'node:path'

/** How this process was started: everything that is needed to start it again. */
export interface CommandLine {
  /** argv[0] as given, for example `node`: it is looked up again, so that a changed link leads to the new version. */
  program: string
  /** Node's own options, the script as it was written, and its arguments. */
  args: string[]
  /** The logical folder ($PWD) if there is one: if it is the link `/srv/current`, a changed link leads to the new release. */
  cwd: string
  /** As at the start, without what the process or a library such as dotenv has added since. */
  env: NodeJS.ProcessEnv
}

/**
 * The command line of this process, links unresolved. Read it at the start: `process.title` overwrites
 * /proc/self/cmdline, and `process.chdir` changes the folder.
 */
export function ownCommandLine(): CommandLine {
  const env = initialEnvironment() ?? { ...process.env }
  const cwd = logicalFolder(env.PWD, process.cwd())
  const [argv0 = '', ...args] = rawCommandLine() ?? [process.argv0, ...process.execArgv, ...scriptOf(cwd)]
  return { program: isProgram(argv0, cwd, env.PATH) ? argv0 : process.execPath, args, cwd, env }
}

/** $PWD if it leads to the current folder, as `pwd -L` does (POSIX); else the physical folder. */
export function logicalFolder(pwd: string | undefined, physical: string): string {
  try {
    return pwd !== undefined && path.isAbsolute(pwd) && fs.realpathSync(pwd) === physical ? pwd : physical
  } catch {
    return physical
  }
}

/** Node resolves `argv[1]` against the physical folder. Resolves it against the logical one instead. */
function scriptOf(cwd: string): string[] {
  const [, script, ...args] = process.argv
  if (script === undefined) return []
  const below = path.relative(process.cwd(), script)
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

/** Whether execvp(3) would find it. It may not: `exec -a` gives a process any name. */
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
