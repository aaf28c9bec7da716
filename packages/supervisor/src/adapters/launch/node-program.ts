import { existsSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { Program } from './program.js'
import { interpreterName } from './program.js'

/** Whether Node will run it: Node itself, or a script that asks for it. */
export function asNodeProgram({ path, interpreter }: Program): boolean {
  return isNode(path) || (interpreter.length > 0 && isNode(interpreterName(interpreter)))
}

/** By its name, which shims of version managers bear too, or because it is the very file that runs us. */
export function isNode(path: string): boolean {
  if (/^node(js)?$/.test(basename(path))) return true
  try {
    return realpathSync(path) === realpathSync(process.execPath)
  } catch {
    return false
  }
}

/** Options that take the next word as their value: the script comes after it. */
const withValue =
  /^(-r|--require|--import|--loader|--experimental-loader|-C|--conditions|--env-file|--env-file-if-exists|--title|--icu-data-dir|--openssl-config|--max-http-header-size|--stack-trace-limit|--dns-result-order)$/

/** Options that make Node run something else than a script. */
const withoutScript = /^(-e|--eval|-p|--print|-pe|-i|--interactive|--test|--run|-c|--check)(=|$)/

/** Node's own options, and the script that it runs, if it runs one. */
export function divideNodeWords(words: string[]): { options: string[]; script: string | undefined } {
  let index = 0
  for (; words[index]?.startsWith('-'); index += withValue.test(words[index] ?? '') ? 2 : 1) {
    if (withoutScript.test(words[index] ?? '')) return { options: words, script: undefined }
    if (words[index] === '--') return { options: words.slice(0, index), script: words[index + 1] }
  }
  return { options: words.slice(0, index), script: words[index] }
}

/** Node alone would tell a missing script only after the start. Extensions may be left out, as require() allows. */
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
      : failed('CannotStart', `the script "${script}" is not there (looked for "${path}")`)
  }
}

/** Whether the application brings the library along: then it says ready itself, without a preload. */
export function usesLibrary(release: string): boolean {
  try {
    createRequire(join(release, 'package.json')).resolve('@handover/process')
    return true
  } catch {
    return false
  }
}

/** The environment with the preload before the user's own NODE_OPTIONS, which stay as they are. */
export function preloadInto(env: Record<string, string>, module: string): Record<string, string> {
  const own = env['NODE_OPTIONS'] ?? ''
  const preload = `--require ${quoteOption(module)}`
  return own.includes(preload) ? env : { ...env, NODE_OPTIONS: own === '' ? preload : `${preload} ${own}` }
}

/** NODE_OPTIONS divides at spaces; double quotes protect, and a backslash within them (Node's command-line API). */
const quoteOption = (value: string): string =>
  /[\s"\\]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value
