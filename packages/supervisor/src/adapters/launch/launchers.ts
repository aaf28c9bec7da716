import { basename, resolve } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { runBin } from './bin.js'
import { dotenv, dotenvx, envCmd } from './env-launchers.js'
import type { ResolvedCommand, Launcher } from './launcher.js'
import { npm, npx, pnpm, yarn } from './package-scripts.js'
import type { ProgramContext } from './program.js'
import { findOnPath, interpreterName, readShebang } from './program.js'
import { crossEnv, nodemon, pm2Runtime, tsx } from './runners.js'

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
  bunx: npx,
  tsx,
  nodemon,
  'cross-env': crossEnv,
  dotenv,
  dotenvx,
  'env-cmd': envCmd,
  'pm2-runtime': pm2Runtime,
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
    const direct = launcher ? launcher(words, { ...context, env }) : runBin(argv, { ...context, env })
    if (!direct.ok) return direct
    if (!launcher) return ok(withNote(command, direct.value))
    argv = direct.value.argv
    env = direct.value.env
  }
  return failed(
    'CannotStart',
    `"${command.join(' ')}" is a loop: more than ${maxDepth} scripts call one another`,
  )
}

/** By file name, so that `node_modules/.bin/tsx` is also found. */
const launcherOf = (program: string): Launcher | undefined => {
  const name = basename(program)
  return Object.hasOwn(launchers, name) ? launchers[name] : undefined
}

/** Python's and Ruby's `dotenv` have other options, and execute the command in their place. */
function isOtherDotenv(program: string, context: ProgramContext): boolean {
  if (basename(program) !== 'dotenv') return false
  const path = program.includes('/') ? resolve(context.folder, program) : findOnPath(program, context)
  const interpreter = path === null ? [] : readShebang(path)
  return interpreter.length > 0 && /python|ruby/.test(interpreterName(interpreter))
}

function withNote(command: string[], direct: ResolvedCommand): ResolvedCommand & { note?: string } {
  const asked = command.join(' ')
  const launcher = launcherOf(command[0] ?? '')
  if (!launcher) return direct
  return {
    ...direct,
    note: `"${asked}" is run directly as "${direct.argv.join(' ')}", since ${basename(command[0] ?? '')} does not pass listeners on`,
  }
}
