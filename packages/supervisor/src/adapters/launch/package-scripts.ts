import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { splitWords } from '../../model/words.js'
import type { ResolvedCommand, Launcher } from './launcher.js'
import type { ProgramContext } from './program.js'
import { findOnPath } from './program.js'

/** Options of npm, yarn and pnpm that only change what they print or ask. */
const harmless = /^(-s|--silent|-q|--quiet|--if-present|--no-install|-y|--yes|--loglevel=.*|--no-color)$/

export const npm: Launcher = (words, context) => {
  const { verb, rest, odd } = divide(words)
  if (odd !== null) return strange('npm', words, odd)
  const passed = rest[0] === '--' ? rest.slice(1) : rest
  if (verb === 'start') return runScript('npm', 'start', passed, context)
  if (verb === 'exec' || verb === 'x') return npx(rest, context)
  if (verb === 'run' || verb === 'run-script') return runNamed('npm', rest, context)
  return unsupported('npm', words)
}

export const yarn: Launcher = (words, context) => runOrExec('yarn', words, context)
export const pnpm: Launcher = (words, context) => runOrExec('pnpm', words, context)

/** `corepack yarn@4 start`: the manager in that version. */
export const corepack: Launcher = ([manager = '', ...words], context) => {
  const managers: Record<string, Launcher> = { npm, npx, yarn, pnpm }
  return (
    managers[manager.replace(/@.*$/, '')]?.(words, context) ?? unsupported('corepack', [manager, ...words])
  )
}

export const npx = (words: string[], context: ProgramContext): Result<ResolvedCommand> => {
  const { verb, rest, odd } = divide(words)
  if (odd !== null) return strange('npx', words, odd)
  const [name, args] = verb === undefined && rest[0] === '--' ? [rest[1], rest.slice(2)] : [verb, rest]
  return name === undefined ? unsupported('npx', words) : runLocal('npx', name, args, context)
}

/** Both run a script of package.json by its name, or a command of node_modules/.bin if there is no such script. */
function runOrExec(launcher: string, words: string[], context: ProgramContext): Result<ResolvedCommand> {
  const { verb, rest, odd } = divide(words)
  if (odd !== null) return strange(launcher, words, odd)
  if (verb === undefined) return unsupported(launcher, words)
  if (verb === 'run') return runNamed(launcher, rest, context)
  if (verb === 'exec') return npx(rest, context)
  const project = readPackage(context.folder)
  if (!project.ok) return project
  const hasScript = verb === 'start' || project.value.scripts?.[verb] !== undefined
  return hasScript
    ? runScript(launcher, verb, rest[0] === '--' ? rest.slice(1) : rest, context)
    : runLocal(launcher, verb, rest, context)
}

function runNamed(launcher: string, words: string[], context: ProgramContext): Result<ResolvedCommand> {
  const { verb, rest, odd } = divide(words)
  if (odd !== null) return strange(launcher, ['run', ...words], odd)
  if (verb === undefined) return unsupported(launcher, ['run', ...words])
  return runScript(launcher, verb, rest[0] === '--' ? rest.slice(1) : rest, context)
}

function runScript(
  launcher: string,
  name: string,
  args: string[],
  context: ProgramContext,
): Result<ResolvedCommand> {
  const project = readPackage(context.folder)
  if (!project.ok) return project
  const { scripts = {} } = project.value
  const asked = `${launcher} ${name === 'start' ? '' : 'run '}${name}`
  // npm's default (npm-start).
  const script =
    scripts[name] ??
    (name === 'start' && existsSync(join(context.folder, 'server.js')) ? 'node server.js' : undefined)
  if (script === undefined) {
    const known = Object.keys(scripts).join(', ') || 'none'
    return failed('CannotStart', `"${asked}" names no script of "${project.value.path}", which has ${known}`)
  }
  for (const around of [`pre${name}`, `post${name}`]) {
    if (scripts[around] === undefined) continue
    return failed(
      'CannotStart',
      `"${asked}" would run the script "${around}" too, with every instance: run that when the release is built, and write the command "${script}" itself`,
    )
  }
  const words = splitWords(script)
  if (!words.ok) {
    return failed(
      'CannotStart',
      `"${asked}" cannot be run directly: ${words.failure.message}, and ${launcher} does not pass listeners on: write what serves as the command, such as ['node', 'server.js'], and do the rest when the release is built`,
    )
  }
  return ok(
    withAssignments([...words.value, ...args], scriptEnvironment(name, script, project.value, context)),
  )
}

/** Splits off assignments before the program, as in `NODE_ENV=production node server.js`. */
export function withAssignments(words: string[], env: Record<string, string>): ResolvedCommand {
  const first = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word))
  const assignments = words.slice(0, first).map((word): [string, string] => {
    const at = word.indexOf('=')
    return [word.slice(0, at), word.slice(at + 1)]
  })
  const argv = words.slice(words[first] === 'exec' ? first + 1 : first)
  return { argv, env: { ...env, ...Object.fromEntries(assignments) } }
}

function runLocal(
  launcher: string,
  name: string,
  args: string[],
  context: ProgramContext,
): Result<ResolvedCommand> {
  const env = { ...context.env, PATH: pathWithBins(context) }
  // `npx tsx@4 …` runs the installed version.
  const command = basename(name.replace(/(?<=.)@[^/]*$/, ''))
  if (findOnPath(command, { ...context, env }) !== null) return ok({ argv: [command, ...args], env })
  return failed(
    'CannotStart',
    `"${launcher} ${name}" runs a command that is not installed in "${context.folder}", wanted node_modules/.bin/${command}`,
  )
}

interface Package {
  path: string
  name?: string
  version?: string
  scripts?: Record<string, string>
}

function readPackage(folder: string): Result<Package> {
  const path = join(folder, 'package.json')
  try {
    return ok({ ...(JSON.parse(readFileSync(path, 'utf8')) as Omit<Package, 'path'>), path })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return failed(
      'CannotStart',
      code === 'ENOENT' ? `there is no "${path}"` : `"${path}" cannot be read: ${message}`,
    )
  }
}

/** The variables that npm sets for scripts (npm-run-script, "Environment"). */
const scriptEnvironment = (
  event: string,
  script: string,
  { path, name, version }: Package,
  context: ProgramContext,
): Record<string, string> => ({
  ...context.env,
  PATH: pathWithBins(context),
  INIT_CWD: context.folder,
  npm_command: event === 'start' ? 'start' : 'run-script',
  npm_lifecycle_event: event,
  npm_lifecycle_script: script,
  npm_package_json: path,
  ...(name !== undefined && { npm_package_name: name }),
  ...(version !== undefined && { npm_package_version: version }),
})

/** PATH with node_modules/.bin of the folder and of all its parents in front. */
function pathWithBins({ folder, env }: ProgramContext): string {
  const bins: string[] = []
  for (let at = folder; ; at = dirname(at)) {
    bins.push(join(at, 'node_modules/.bin'))
    if (at === dirname(at)) break
  }
  const path = (env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin').split(':')
  return [...bins.filter((bin) => !path.includes(bin)), ...path].join(':')
}

/** Splits off options before the verb. `odd`: one that is not known to be harmless, and could change what is run. */
function divide(words: string[]): { verb: string | undefined; rest: string[]; odd: string | null } {
  const first = words.findIndex((word) => !word.startsWith('-') || word === '--')
  const options = first === -1 ? words : words.slice(0, first)
  const odd = options.find((option) => !harmless.test(option)) ?? null
  if (first === -1) return { verb: undefined, rest: [], odd }
  const verb = words[first] === '--' ? undefined : words[first]
  return { verb, rest: words.slice(verb === undefined ? first : first + 1), odd }
}

const strange = (launcher: string, words: string[], option: string) =>
  failed(
    'CannotStart',
    `"${launcher} ${words.join(' ')}" has the option "${option}", wanted the command itself: ${launcher} does not pass listeners on`,
  )

const unsupported = (launcher: string, words: string[]) =>
  failed(
    'CannotStart',
    `"${[launcher, ...words].join(' ')}" names no script to run, wanted one, or the command itself`,
  )
