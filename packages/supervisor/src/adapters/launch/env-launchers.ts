import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { EnvOptions } from './env-files.js'
import { readFiles, readSections } from './env-files.js'
import type { Launcher, ResolvedCommand } from './launcher.js'
import type { ProgramContext } from './program.js'

/** What one word of the options means. `value`: the next word, which it takes or not. */
type Option = (options: EnvOptions, value: string) => 'flag' | 'value'

const file: Option = ({ files }, value) => (files.push(value), 'value')
const set =
  (changes: Partial<EnvOptions>): Option =>
  (options) => (Object.assign(options, changes), 'flag')
const nothing = set({})
const override = set({ override: true })
const variable: Option = ({ variables }, value) => {
  const at = value.indexOf('=')
  variables.push([value.slice(0, at), value.slice(at + 1)])
  return 'value'
}
const cascade: Option = (options, value) => {
  const isNamed = value !== '' && !value.startsWith('-')
  options.cascade = isNamed ? value : true
  return isNamed ? 'value' : 'flag'
}
const sections: Option = (options, value) => ((options.sections = value.split(',')), 'value')
const configuration: Option = (options, value) => ((options.configuration = value), 'value')

/** dotenv-cli: the first file that sets a variable wins, and a variable that is set already wins over files. */
export const dotenv: Launcher = (words, context) =>
  run('dotenv', words, context, { override: false, lenient: true, expands: true }, [
    ['-e', file],
    ['-v', variable],
    ['-c', cascade],
    ['-o', override],
    ['--override', override],
    ['--no-expand', set({ expands: false })],
    ['--quiet', nothing],
    ['--debug', nothing],
  ])

export const dotenvx: Launcher = (words, context) =>
  words[0] === 'run'
    ? run('dotenvx', words.slice(1), context, { override: false, lenient: true, expands: true }, [
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
  run('env-cmd', words, context, { override: true, lenient: false, expands: false }, [
    ['-f', file],
    ['--file', file],
    ['-e', sections],
    ['--environments', sections],
    ['-r', configuration],
    ['--rc-file', configuration],
    ['--no-override', set({ override: false })],
    ['--silent', set({ lenient: true })],
    ['--fallback', nothing],
    ['--verbose', nothing],
  ])

function run(
  launcher: string,
  words: string[],
  context: ProgramContext,
  defaults: Pick<EnvOptions, 'override' | 'lenient' | 'expands'>,
  known: [string, Option][],
): Result<ResolvedCommand> {
  const options: EnvOptions = {
    ...defaults,
    files: [],
    variables: [],
    cascade: false,
    sections: [],
    configuration: '.env-cmdrc',
    command: [],
  }
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
  const found = options.sections.length > 0 ? readSections(context, options) : readFiles(context, options)
  if (!found.ok) return failed('CannotStart', `"${launcher}" ${found.failure.message}`)
  return ok({ argv: options.command, env: { ...found.value, ...Object.fromEntries(options.variables) } })
}

const refused = (launcher: string, option: string) =>
  failed(
    'CannotStart',
    `"${launcher}" has the option "${option}", wanted the command itself, with "envFiles" for the variables: ${launcher} does not pass listeners on`,
  )
