import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { Launcher, ResolvedCommand } from './launcher.js'

/** What the options of a launcher say that reads environment files. */
interface EnvOptions {
  files: string[]
  variables: [string, string][]
  /** Whether files override variables that are set already. */
  override: boolean
  /** Whether a file that does not exist is passed over. */
  lenient: boolean
  command: string[]
}

/** What one word of the options means. `value`: the next word. */
type Option = (options: EnvOptions, value: string) => 'flag' | 'value'

const file: Option = ({ files }, value) => (files.push(value), 'value')
const override: Option = (options) => ((options.override = true), 'flag')
const noOverride: Option = (options) => ((options.override = false), 'flag')
const lenient: Option = (options) => ((options.lenient = true), 'flag')
const nothing: Option = () => 'flag'
const variable: Option = ({ variables }, value) => {
  const at = value.indexOf('=')
  variables.push([value.slice(0, at), value.slice(at + 1)])
  return 'value'
}

/** dotenv-cli: the first file that sets a variable wins, and a variable that is set already wins over files. */
export const dotenv: Launcher = (words, context) =>
  run('dotenv', words, context, { override: false, lenient: true }, [
    ['-e', file],
    ['-v', variable],
    ['-o', override],
    ['--override', override],
    ['--quiet', nothing],
    ['--debug', nothing],
  ])

export const dotenvx: Launcher = (words, context) =>
  words[0] === 'run'
    ? run('dotenvx', words.slice(1), context, { override: false, lenient: true }, [
        ['-f', file],
        ['--env-file', file],
        ['-e', variable],
        ['--env', variable],
        ['-o', override],
        ['--overload', override],
        ['-q', nothing],
        ['--quiet', nothing],
      ])
    : refused('dotenvx', words[0] ?? '')

export const envCmd: Launcher = (words, context) =>
  run('env-cmd', words, context, { override: true, lenient: false }, [
    ['-f', file],
    ['--file', file],
    ['--no-override', noOverride],
    ['--silent', lenient],
    ['--fallback', nothing],
    ['--verbose', nothing],
  ])

function run(
  launcher: string,
  words: string[],
  { folder, env }: Parameters<Launcher>[1],
  defaults: Pick<EnvOptions, 'override' | 'lenient'>,
  known: [string, Option][],
): Result<ResolvedCommand> {
  const options: EnvOptions = { ...defaults, files: [], variables: [], command: [] }
  const read = new Map(known)
  let index = 0
  for (; words[index]?.startsWith('-') && words[index] !== '--'; index += 1) {
    const [name = '', ...value] = (words[index] ?? '').split('=')
    const joined = name.startsWith('--') && value.length > 0
    const option = read.get(name)
    if (option === undefined) return refused(launcher, name)
    const kind = option(options, joined ? value.join('=') : (words[index + 1] ?? ''))
    if (kind === 'value' && !joined) index += 1
  }
  options.command = words.slice(words[index] === '--' ? index + 1 : index)
  if (options.command.length === 0) return failed('CannotStart', `"${launcher}" has no command`)
  if (options.files.length === 0) options.files = ['.env']
  return withFiles(launcher, folder, env, options)
}

function withFiles(
  launcher: string,
  folder: string,
  env: Record<string, string>,
  { files, variables, override, lenient, command }: EnvOptions,
): Result<ResolvedCommand> {
  let result = env
  for (const name of files) {
    const text = read(resolve(folder, name))
    if (text === null && !lenient)
      return failed('CannotStart', `"${launcher}" reads "${name}", which cannot be read in "${folder}"`)
    const values = parseEnv(text ?? '') as Record<string, string>
    const special = Object.keys(values).find((key) => /[$]|^encrypted:/.test(values[key] ?? ''))
    if (special !== undefined) {
      return failed(
        'CannotStart',
        `"${launcher}" reads "${name}", whose "${special}" refers to another variable or is encrypted, wanted plain values, or the command itself with "envFiles" or "env"`,
      )
    }
    result = override ? { ...result, ...values } : { ...values, ...result }
  }
  return ok({ argv: command, env: { ...result, ...Object.fromEntries(variables) } })
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

const refused = (launcher: string, option: string) =>
  failed(
    'CannotStart',
    `"${launcher}" has the option "${option}", wanted the command itself, with "envFiles" for the variables: ${launcher} does not pass listeners on`,
  )
