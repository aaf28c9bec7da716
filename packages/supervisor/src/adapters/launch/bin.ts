import { readFileSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Result } from '../../model/index.js'
import { ok } from '../../model/index.js'
import type { ResolvedCommand } from './launcher.js'
import type { ProgramContext } from './program.js'
import { findOnPath, readShebang } from './program.js'

/**
 * Resolves a command of `node_modules/.bin` to its script. npm and yarn create links there, which need no change. pnpm
 * creates shell scripts (by cmd-shim), which hide that Node runs the command.
 */
export function runBin([program = '', ...words]: string[], context: ProgramContext): Result<ResolvedCommand> {
  const { env, folder } = context
  const path = program.includes('/') ? resolve(folder, program) : findOnPath(program, context)
  const script = path?.includes('/node_modules/.bin/') ? shimmedScript(path) : null
  return ok({ argv: script === null ? [program, ...words] : ['node', script, ...words], env })
}

/** The script that a shim of cmd-shim runs: `exec node  "$basedir/../pkg/cli.js" "$@"`. Null for any other file. */
export function shimmedScript(path: string): string | null {
  const interpreter = readShebang(path)
  if (!/\/sh$/.test(interpreter[0] ?? '')) return null
  const target = /exec node\s+"\$basedir\/([^"]+)"/.exec(readFileSync(path, 'utf8'))?.[1]
  try {
    return target === undefined ? null : realpathSync(resolve(dirname(path), target))
  } catch {
    return null // The shim itself says what is missing.
  }
}
