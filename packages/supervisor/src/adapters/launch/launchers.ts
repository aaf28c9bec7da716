import { basename, resolve } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { runBin } from './bin.js'
import { dotenv, dotenvx, envCmd } from './env-launchers.js'
import type { ResolvedCommand, Launcher } from './launcher.js'
import { corepack, npm, npx, pnpm, yarn } from './package-scripts.js'
import type { ProgramContext } from './program.js'
import { findOnPath, interpreterName, readShebang } from './program.js'
import { refuseParents } from './refused.js'
import { crossEnv, crossEnvShell, nodemon, pm2Runtime, tsx } from './runners.js'
import { catatonit, dumbInit, env, exec, time, tini } from './wrappers.js'

/**
 * Programs that start the service as their child. Node marks inherited descriptors close-on-exec, so the service would
 * not get its listeners, and signals would reach the launcher instead of the service.
 */
const launchers: Record<string, Launcher> = {
  npm,
  yarn,
  yarnpkg: yarn,
  pnpm,
  npx,
  pnpx: npx,
  bunx: npx,
  corepack,
  tsx,
  nodemon,
  'cross-env': crossEnv,
  'cross-env-shell': crossEnvShell,
  dotenv,
  dotenvx,
  'env-cmd': envCmd,
  'pm2-runtime': pm2Runtime,
}

const wrappers: Record<string, Launcher> = {
  tini,
  'tini-static': tini,
  'docker-init': tini,
  'dumb-init': dumbInit,
  catatonit,
  env,
  exec,
  time,
}

/** How many scripts may call one another. More are assumed to be a loop. */
const maxDepth = 10

/** The command that the launcher in `command` would run, or `command` itself if it is not a launcher. Fails with `CannotStart`. */
export function withoutLauncher(
  command: string[],
  context: ProgramContext,
): Result<ResolvedCommand & { note?: string }> {
  let argv = command
  let env = context.env
  for (let depth = 0; depth < maxDepth; depth += 1) {
    const [program = '', ...words] = argv
    const launcher = isOtherDotenv(program, { ...context, env }) ? undefined : launcherOf(program)
    const launched = launcher?.(words, { ...context, env })
    const direct = launched ?? directly(argv, { ...context, env })
    if (!direct.ok) return direct
    if (!launched) return ok(withNote(command, direct.value))
    argv = direct.value.argv
    env = direct.value.env
  }
  return failed(
    'CannotStart',
    `"${command.join(' ')}" is a loop: more than ${maxDepth} scripts call one another`,
  )
}

function directly(argv: string[], context: ProgramContext): Result<ResolvedCommand> {
  const [program = '', ...words] = argv
  const accepted = isScriptOf(/^node(js)?$/, program, context)
    ? refuseParents(basename(program), words)
    : ok(true)
  return accepted.ok ? runBin(argv, context) : accepted
}

/** By file name, so that `node_modules/.bin/tsx` is also found. */
const launcherOf = (program: string): Launcher | undefined => {
  const name = basename(program)
  if (Object.hasOwn(launchers, name)) return launchers[name]
  return Object.hasOwn(wrappers, name) ? wrappers[name] : undefined
}

/** Python's and Ruby's `dotenv` have other options, and execute the command in their place. */
const isOtherDotenv = (program: string, context: ProgramContext): boolean =>
  basename(program) === 'dotenv' && isScriptOf(/python|ruby/, program, context)

function isScriptOf(interpreter: RegExp, program: string, context: ProgramContext): boolean {
  const path = program.includes('/') ? resolve(context.folder, program) : findOnPath(program, context)
  const words = path === null ? [] : readShebang(path)
  return words.length > 0 && interpreter.test(basename(interpreterName(words)))
}

function withNote(command: string[], direct: ResolvedCommand): ResolvedCommand & { note?: string } {
  const [asked, run] = [command.join(' '), direct.argv.join(' ')]
  const name = basename(command[0] ?? '')
  if (asked === run || !launcherOf(command[0] ?? '')) return direct
  const why = Object.hasOwn(launchers, name) ? 'does not pass listeners on' : 'is not needed here'
  return { ...direct, note: `"${asked}" is run directly as "${run}", since ${name} ${why}` }
}
