import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { divideNodeWords, optionName, splitNodeOptions } from '../../model/node-words.js'
import { isNode } from './node-program.js'
import type { ProgramContext } from './program.js'
import { findProgram } from './program.js'

/** Options by which the user already makes Node run TypeScript. */
const loaders =
  /^(--import|--loader|--experimental-loader|--require|-r|--(experimental-)?(strip|transform)-types)$/

/**
 * Makes `node server.ts` run: unchanged if Node strips types, with `--import tsx` if tsx is installed in the release.
 * Fails with `CannotStart` if neither is the case.
 */
export function withTypeScript(argv: string[], context: ProgramContext): Result<string[]> {
  const [node = '', ...words] = argv
  if (!isNode(node)) return ok(argv)
  const { script, options } = divideNodeWords(words)
  const all = [...options, ...(splitNodeOptions(context.env['NODE_OPTIONS'] ?? '') ?? [])]
  const isTypeScript = script !== undefined && /\.[mc]?tsx?$/.test(script)
  if (!isTypeScript || all.some((option) => loaders.test(optionName(option)))) return ok(argv)
  const program = findProgram(node, context)
  if (!program.ok) return program
  if (!script.endsWith('.tsx') && stripsTypes(program.value.path)) return ok(argv)
  if (hasTsx(context.folder)) return ok([node, '--import', 'tsx', ...words])
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

/** Results by path and modification time, so that a replaced `node` is examined again. */
const answers = new Map<string, boolean>()

/** Runs that Node, which takes about 40 ms, once. */
function stripsTypes(node: string): boolean {
  const key = `${node} ${statSync(node).mtimeMs}`
  const known = answers.get(key)
  if (known !== undefined) return known
  const asked = spawnSync(node, ['-p', 'Boolean(process.features.typescript)'], {
    encoding: 'utf8',
    cwd: '/', // The supervisor's own folder may have been deleted.
    env: { PATH: process.env['PATH'] },
    timeout: 10_000,
  })
  const answer = asked.stdout?.trim() === 'true'
  answers.set(key, answer)
  return answer
}
