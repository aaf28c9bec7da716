import { basename } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { runBin } from './bin.js'
import type { Direct, Launcher } from './launcher.js'
import { npm, npx, pnpm, yarn } from './package-scripts.js'
import type { Surroundings } from './program.js'
import { crossEnv, nodemon, pm2Runtime, tsx } from './runners.js'

/**
 * Programs that start the service as a child of theirs. Node marks inherited descriptors close-on-exec, so the
 * listeners would not arrive, and signals would reach the launcher instead of the service.
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
  'pm2-runtime': pm2Runtime,
}

/** Scripts that call scripts: more than this many run in a circle. */
const deepest = 10

/** The command that the launcher in `command` would run, or `command` itself if it has none. */
export function withoutLauncher(
  command: string[],
  surroundings: Surroundings,
): Result<Direct & { note?: string }> {
  let argv = command
  let env = surroundings.env
  for (let depth = 0; depth < deepest; depth += 1) {
    const [program = '', ...words] = argv
    const launcher = launcherOf(program)
    const direct = launcher
      ? launcher(words, { ...surroundings, env })
      : runBin(argv, { ...surroundings, env })
    if (!direct.ok) return direct
    if (!launcher) return ok(withNote(command, direct.value))
    argv = direct.value.argv
    env = direct.value.env
  }
  return failed('CannotStart', `"${command.join(' ')}" runs in a circle: ${deepest} scripts call one another`)
}

/** Also where it is written as a path: `node_modules/.bin/tsx`. */
const launcherOf = (program: string): Launcher | undefined => {
  const name = basename(program)
  return Object.hasOwn(launchers, name) ? launchers[name] : undefined
}

function withNote(command: string[], direct: Direct): Direct & { note?: string } {
  const asked = command.join(' ')
  const launcher = launcherOf(command[0] ?? '')
  if (!launcher) return direct
  return {
    ...direct,
    note: `"${asked}" is run directly as "${direct.argv.join(' ')}", since ${basename(command[0] ?? '')} does not pass listeners on`,
  }
}
