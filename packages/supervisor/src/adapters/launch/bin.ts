import { readFileSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Result } from '../../model/index.js'
import { ok } from '../../model/index.js'
import type { Direct } from './launcher.js'
import type { Surroundings } from './program.js'
import { findOnPath, readShebang } from './program.js'

/**
 * A command of `node_modules/.bin` by its real file. npm and yarn put a link there, which may stay; pnpm puts
 * a shell script (cmd-shim's) that hides that Node runs it.
 */
export function runBin([program = '', ...words]: string[], surroundings: Surroundings): Result<Direct> {
  const { env, folder } = surroundings
  const path = program.includes('/') ? resolve(folder, program) : findOnPath(program, surroundings)
  const script = path?.includes('/node_modules/.bin/') ? shimmedScript(path) : null
  return ok({ argv: script === null ? [program, ...words] : ['node', script, ...words], env })
}

/** cmd-shim writes: exec node  "$basedir/../pkg/cli.js" "$@" */
export function shimmedScript(path: string): string | null {
  const interpreter = readShebang(path)
  if (!/\/sh$/.test(interpreter[0] ?? '')) return null
  const target = /exec node\s+"\$basedir\/([^"]+)"/.exec(readFileSync(path, 'utf8'))?.[1]
  return target === undefined ? null : realpathSync(resolve(dirname(path), target))
}
