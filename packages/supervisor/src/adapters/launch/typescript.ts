import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { divideNodeWords, isNode } from './node-program.js'
import type { Surroundings } from './program.js'
import { findProgram } from './program.js'

/** Options by which a user has seen to it already. */
const loaders =
  /^(--import|--loader|--experimental-loader|--require|-r|--experimental-(strip|transform)-types)\b/

/** `node server.ts`, so that it runs: as it is where Node strips types, through tsx where the release has it. */
export function withTypeScript(argv: string[], surroundings: Surroundings): Result<string[]> {
  const [node = '', ...words] = argv
  if (!isNode(node)) return ok(argv)
  const { script, options } = divideNodeWords(words)
  if (
    script === undefined ||
    !/\.[mc]?tsx?$/.test(script) ||
    options.some((option) => loaders.test(option))
  ) {
    return ok(argv)
  }
  const program = findProgram(node, surroundings)
  if (!program.ok) return program
  if (!script.endsWith('.tsx') && stripsTypes(program.value.path)) return ok(argv)
  if (hasTsx(surroundings.folder)) return ok([node, '--import', 'tsx', ...words])
  return failed(
    'CannotStart',
    `"${script}" is TypeScript, which ${program.value.path} does not run: use Node 22.18 or later, install tsx in the release, or compile it`,
  )
}

/** Whether `--import tsx` would find it. */
export function hasTsx(folder: string): boolean {
  try {
    createRequire(join(folder, 'package.json')).resolve('tsx/package.json')
    return true
  } catch {
    return false
  }
}

/** Answers by file and its time of change: a `node` that is exchanged is asked again. */
const answers = new Map<string, boolean>()

/** Asks that Node itself, which takes about 40 ms, once. */
function stripsTypes(node: string): boolean {
  const key = `${node} ${statSync(node).mtimeMs}`
  const known = answers.get(key)
  if (known !== undefined) return known
  const asked = spawnSync(node, ['-p', 'Boolean(process.features.typescript)'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
    timeout: 10_000,
  })
  const answer = asked.stdout?.trim() === 'true'
  answers.set(key, answer)
  return answer
}
