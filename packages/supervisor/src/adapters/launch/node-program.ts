import { existsSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { divideNodeWords, optionName, optionsWithValue, takesNextWord } from '../../model/node-words.js'
import type { Program } from './program.js'
import { interpreterName } from './program.js'

/** Whether the program is Node, or a script whose `#!` line names Node. */
export function asNodeProgram({ path, interpreter }: Program): boolean {
  return isNode(path) || (interpreter.length > 0 && isNode(interpreterName(interpreter)))
}

/** By its name, which shims of version managers share, or because it is the executable of this process. */
export function isNode(path: string): boolean {
  if (/^node(js)?$/.test(basename(path))) return true
  try {
    return realpathSync(path) === realpathSync(process.execPath)
  } catch {
    return false
  }
}

const watching = new Set(['--watch', '--watch-path', '--watch-preserve-output', '--watch-kill-signal'])

/** Removes `--watch` and its options: Node would run the script as a child, and restart it without an upgrade. */
export function withoutWatch([program = '', ...words]: string[]): string[] {
  if (!isNode(program)) return [program, ...words]
  const { options } = divideNodeWords(words)
  const kept: string[] = []
  for (let index = 0; index < options.length; index += 1) {
    const option = options[index] ?? ''
    const isPair = takesNextWord(option)
    if (!watching.has(optionName(option))) kept.push(...options.slice(index, index + (isPair ? 2 : 1)))
    if (isPair) index += 1
  }
  return [program, ...kept, ...words.slice(options.length)]
}

/**
 * Fails with `CannotStart` if Node's script does not exist. Its extension can be omitted, as with require(). The script
 * is not known after an option that this version does not know: it may be the value of that option.
 */
export function checkScript([program = '', ...words]: string[], folder: string): Result<void> {
  if (!isNode(program)) return ok(undefined)
  const { options, script } = divideNodeWords(words)
  if (script === undefined || script === '-' || options.includes('--entry-url')) return ok(undefined)
  const path = resolve(folder, script)
  try {
    createRequire(join(folder, 'package.json')).resolve(path)
    return ok(undefined)
  } catch {
    const isFile = existsSync(path) && !statSync(path).isDirectory()
    return isFile || isUnknownOption(options.at(-1))
      ? ok(undefined)
      : failed('CannotStart', `the script "${script}" does not exist (looked for "${path}")`)
  }
}

const isUnknownOption = (word = ''): boolean =>
  word.startsWith('-') &&
  !optionsWithValue.has(optionName(word)) &&
  !process.allowedNodeEnvironmentFlags.has(optionName(word))

/** Whether the application depends on the library: then it reports readiness itself, without a preload. */
export function usesLibrary(release: string): boolean {
  try {
    createRequire(join(release, 'package.json')).resolve('@handover/process')
    return true
  } catch {
    return false
  }
}

/** Adds `--require module` before the user's own NODE_OPTIONS, unless they already contain it. */
export function preloadInto(env: Record<string, string>, module: string): Record<string, string> {
  const own = env['NODE_OPTIONS'] ?? ''
  const preload = `--require ${quoteOption(module)}`
  return own.includes(preload) ? env : { ...env, NODE_OPTIONS: own === '' ? preload : `${preload} ${own}` }
}

/** NODE_OPTIONS are split at spaces, except in double quotes, where a backslash escapes (Node's command-line API). */
const quoteOption = (value: string): string =>
  /[\s"\\]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value
