import { failed, ok } from '../../model/index.js'
import { splitWords } from '../../model/words.js'
import type { Result } from '../../model/index.js'
import type { ResolvedCommand, Launcher } from './launcher.js'
import { withAssignments } from './package-scripts.js'
import { hasTsx } from './typescript.js'

export const tsx: Launcher = (words, { folder, env }) => {
  if (words[0] === 'watch') {
    return failed(
      'CannotStart',
      '"tsx watch" restarts the service by itself, wanted "tsx" alone: an upgrade brings the new version',
    )
  }
  if (!hasTsx(folder)) {
    return failed(
      'CannotStart',
      `"tsx" is not installed in "${folder}", wanted it among the dependencies of the release`,
    )
  }
  const own: Record<string, string> = {}
  let index = 0
  for (; words[index]?.startsWith('--'); index += 1) {
    const [option = '', ...value] = (words[index] ?? '').split('=')
    if (option === '--no-cache') own['TSX_DISABLE_CACHE'] = '1'
    else if (option !== '--tsconfig') break
    else own['TSX_TSCONFIG_PATH'] = value.length > 0 ? value.join('=') : (words[(index += 1)] ?? '')
  }
  return ok({ argv: ['node', '--import', 'tsx', ...words.slice(index)], env: { ...env, ...own } })
}

export const crossEnv: Launcher = (words, { env }) => {
  const direct = withAssignments(words, env)
  return direct.argv.length > 0 ? ok(direct) : failed('CannotStart', '"cross-env" has no command')
}

/** It gives its words to a shell, which then runs the program. */
export const crossEnvShell: Launcher = (words, { env }) => {
  const direct = withAssignments(words, env)
  if (direct.argv.length === 0) return failed('CannotStart', '"cross-env-shell" has no command')
  return ok({ argv: ['sh', '-c', direct.argv.join(' ')], env: direct.env })
}

/** nodemon's options with a value. They concern watching only, so they are dropped. */
const nodemonValues = new Set([
  '-w',
  '--watch',
  '-e',
  '--ext',
  '-i',
  '--ignore',
  '-d',
  '--delay',
  '-s',
  '--signal',
  '--config',
])
const nodemonFlags = new Set([
  '-V',
  '--verbose',
  '-q',
  '--quiet',
  '-L',
  '--legacy-watch',
  '-I',
  '--no-stdin',
  '-C',
  '--on-change-only',
])

export const nodemon: Launcher = (words, { env }) => {
  let exec: string[] = ['node']
  let index = 0
  for (; words[index]?.startsWith('-') && words[index] !== '--'; index += 1) {
    const option = words[index] ?? ''
    if (option === '-x' || option === '--exec') {
      const program = splitWords(words[index + 1] ?? '')
      if (!program.ok)
        return failed('CannotStart', `"nodemon --exec" cannot be run directly: ${program.failure.message}`)
      exec = program.value
      index += 1
    } else if (nodemonValues.has(option)) {
      index += 1
    } else if (option.startsWith('--inspect')) {
      exec = [...exec, option]
    } else if (!nodemonFlags.has(option)) {
      return unknownOption('nodemon', option)
    }
  }
  return run('nodemon', exec, words.slice(index), env)
}

const pm2Values = new Set([
  '-i',
  '--instances',
  '-n',
  '--name',
  '--max-memory-restart',
  '--env',
  '-o',
  '-e',
  '-l',
  '--output',
  '--error',
  '--log',
  '--kill-timeout',
])

export const pm2Runtime: Launcher = (words, { env }) => {
  let rest = words[0] === 'start' ? words.slice(1) : words
  const own: string[] = []
  for (; rest.length > 0 && rest[0] !== '--'; rest = rest.slice(1)) {
    const option = rest[0] ?? ''
    if (pm2Values.has(option)) rest = rest.slice(1)
    else if (option.startsWith('-')) return unknownOption('pm2-runtime', option)
    else own.push(option)
  }
  const script = own[0]
  if (script !== undefined && /(^|\.)(config|json|ya?ml)(\.|$)|ecosystem/.test(script)) {
    return failed(
      'CannotStart',
      `"pm2-runtime ${script}" names a PM2 configuration, wanted the script that it starts`,
    )
  }
  return run('pm2-runtime', ['node'], [...own, ...rest.slice(1)], env)
}

const run = (
  launcher: string,
  program: string[],
  words: string[],
  env: Record<string, string>,
): Result<ResolvedCommand> => {
  const args = words[0] === '--' ? words.slice(1) : words
  return args.length > 0
    ? ok({ argv: [...program, ...args], env })
    : failed('CannotStart', `"${launcher}" has no script`)
}

const unknownOption = (launcher: string, option: string) =>
  failed(
    'CannotStart',
    `"${launcher}" has the option "${option}", wanted the command itself: ${launcher} does not pass listeners on`,
  )
