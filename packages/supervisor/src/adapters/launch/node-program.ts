import { existsSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
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

/** Options of Node that take the next word as their value. */
const withValue =
  /^(-r|--require|--import|--loader|--experimental-loader|-C|--conditions|--env-file|--env-file-if-exists|--title|--icu-data-dir|--openssl-config|--max-http-header-size|--stack-trace-limit|--dns-result-order)$/

/** Options that make Node run something other than a script. */
const withoutScript = /^(-e|--eval|-p|--print|-pe|-i|--interactive|--test|--run|-c|--check)(=|$)/

/** Splits Node's arguments into its own options and the script that it runs, if any. */
export function divideNodeWords(words: string[]): { options: string[]; script: string | undefined } {
  let index = 0
  for (; words[index]?.startsWith('-'); index += withValue.test(words[index] ?? '') ? 2 : 1) {
    if (withoutScript.test(words[index] ?? '')) return { options: words, script: undefined }
    if (words[index] === '--') return { options: words.slice(0, index), script: words[index + 1] }
  }
  return { options: words.slice(0, index), script: words[index] }
}

/** Fails with `CannotStart` if Node's script does not exist. Its extension can be omitted, as with require(). */
export function checkScript([program = '', ...words]: string[], folder: string): Result<void> {
  const { script } = isNode(program) ? divideNodeWords(words) : { script: undefined }
  if (script === undefined || script === '-') return ok(undefined)
  const path = resolve(folder, script)
  try {
    createRequire(join(folder, 'package.json')).resolve(path)
    return ok(undefined)
  } catch {
    return existsSync(path) && !statSync(path).isDirectory()
      ? ok(undefined)
      : failed('CannotStart', `the script "${script}" does not exist (looked for "${path}")`)
  }
}

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
