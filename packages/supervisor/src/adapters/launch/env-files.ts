import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { ProgramContext } from './program.js'

/** What the options of a launcher say that reads environment files. */
export interface EnvOptions {
  files: string[]
  variables: [string, string][]
  /** Whether files override variables that are set already. */
  override: boolean
  /** Whether a file that does not exist is passed over. */
  lenient: boolean
  /** Whether a `$` in a value refers to another variable. */
  expands: boolean
  /** dotenv-cli's `-c`: also `.env.local`, and with a word, `.env.<word>.local` and `.env.<word>`. */
  cascade: string | boolean
  /** env-cmd's `-e`: the sections of its configuration that count, instead of files. */
  sections: string[]
  /** env-cmd's `-r`: that configuration. */
  configuration: string
  command: string[]
}

type Variables = Record<string, string>

const merged = (env: Variables, values: Variables, override: boolean): Variables =>
  override ? { ...env, ...values } : { ...values, ...env }

/** The environment with the variables of the files. Fails with `CannotStart`, in words that follow the launcher's name. */
export function readFiles({ folder, env }: ProgramContext, options: EnvOptions): Result<Variables> {
  let result = env
  for (const name of options.files.flatMap((path) => cascaded(path, options.cascade))) {
    const values = readVariables(resolve(folder, name))
    if (values === null) {
      if (options.lenient) continue
      return failed('CannotStart', `reads "${name}", which cannot be read in "${folder}"`)
    }
    const special = Object.keys(values).find((key) =>
      (options.expands ? /\$|^encrypted:/ : never).test(values[key] ?? ''),
    )
    if (special !== undefined) {
      return failed(
        'CannotStart',
        `reads "${name}", whose "${special}" refers to another variable or is encrypted, wanted plain values, or the command itself with "envFiles" or "env"`,
      )
    }
    result = merged(result, values, options.override)
  }
  return ok(result)
}

const never = /(?!)/

function cascaded(path: string, cascade: string | boolean): string[] {
  if (cascade === false) return [path]
  if (cascade === true) return [`${path}.local`, path]
  return [`${path}.${cascade}.local`, `${path}.local`, `${path}.${cascade}`, path]
}

/** From env-cmd's configuration: an object of variables for each section, of which later ones win. */
export function readSections(
  { folder, env }: ProgramContext,
  { configuration: name, sections: names, override }: EnvOptions,
): Result<Variables> {
  const parsed = [name, `${name}.json`].map((path) => parseObject(resolve(folder, path)))
  const found = parsed.find((value) => value !== null)
  if (found === undefined)
    return failed('CannotStart', `reads "${name}", wanted a file of JSON in "${folder}"`)
  let result = env
  for (const section of names) {
    const values = found[section]
    if (typeof values !== 'object' || values === null)
      return failed('CannotStart', `reads "${name}", which has no section "${section}"`)
    result = merged(result, asVariables(values as Record<string, unknown>), override)
  }
  return ok(result)
}

/** Of a file of `KEY=value` lines, or of JSON by its name. Null if it cannot be read. */
function readVariables(path: string): Variables | null {
  if (path.endsWith('.json')) {
    const found = parseObject(path)
    return found && asVariables(found)
  }
  const text = read(path)
  return text === null ? null : (parseEnv(text) as Variables)
}

function asVariables(values: Record<string, unknown>): Variables {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]))
}

function parseObject(path: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(read(path) ?? '')
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null
  } catch {
    return null
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
