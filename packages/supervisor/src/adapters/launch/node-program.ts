import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
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
export function preloadInto(env: Record<string, string>, url: string): Record<string, string> {
  const own = env['NODE_OPTIONS'] ?? ''
  const preload = `--import ${quoteOption(url)}`
  return own.includes(preload) ? env : { ...env, NODE_OPTIONS: own === '' ? preload : `${preload} ${own}` }
}

/** NODE_OPTIONS divides at spaces; double quotes protect, and a backslash within them (Node's command-line API). */
const quoteOption = (value: string): string =>
  /[\s"\\]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value
