import { failed, ok } from '../../model/index.js'
import type { Launcher } from './launcher.js'

/**
 * Programs that run another one and then have no part in it. Each is left out if its options are understood, and run as
 * written otherwise (null): most execute the program in their place, and the others only wait for it.
 */

/** What is left after options. Null after an option that is not known. */
function withoutOptions(words: string[], flags: RegExp, values: RegExp): string[] | null {
  let index = 0
  for (; words[index]?.startsWith('-') && words[index] !== '--'; index += 1) {
    const word = words[index] ?? ''
    if (values.test(word)) index += word.includes('=') ? 0 : 1
    else if (!flags.test(word)) return null
  }
  return words.slice(words[index] === '--' ? index + 1 : index)
}

const leftOut =
  (name: string, flags: RegExp, values: RegExp): Launcher =>
  (words, { env }) => {
    const argv = withoutOptions(words, flags, values)
    if (argv === null) return null
    return argv.length > 0 ? ok({ argv, env }) : failed('CannotStart', `"${name}" has no command`)
  }

const never = /(?!)/

/** Init programs of containers: they pass signals on and reap orphans, which the system's own init does here. */
export const tini = leftOut('tini', /^-[svgwl]+$/, /^-[pe]$/)
export const catatonit = leftOut('catatonit', /^-[gLP]$/, never)
/** `-r`, `--rewrite` replaces a signal by another one. */
export const dumbInit = leftOut('dumb-init', /^(-[cv]+|--single-child|--verbose)$/, never)
/** time(1), and the word of shells. What is measured is lost. */
export const time = leftOut(
  'time',
  /^(-[apqv]+|--append|--portability|--quiet|--verbose)$/,
  /^(-[fo]|--(format|output)(=.*)?)$/,
)
/** `exec -a name program`, which people know from shells. The other name is left out. */
export const exec = leftOut('exec', /^-[cl]+$/, /^-a$/)

/** env(1): the variables are set, and the program is run. */
export const env: Launcher = (words, context) => {
  let variables = context.env
  let index = 0
  for (; words[index]?.startsWith('-') && words[index] !== '--'; index += 1) {
    const word = words[index] ?? ''
    if (word === '-' || word === '-i' || word === '--ignore-environment') variables = {}
    else if (word.startsWith('--unset=')) variables = without(variables, word.slice('--unset='.length))
    else if (word === '-u' || word === '--unset') variables = without(variables, words[(index += 1)] ?? '')
    else return null
  }
  const rest = words.slice(words[index] === '--' ? index + 1 : index)
  const first = rest.findIndex((word) => !/^[^=]+=/.test(word))
  if (first === -1) return failed('CannotStart', '"env" has no command')
  const set = rest.slice(0, first).map((word): [string, string] => {
    const at = word.indexOf('=')
    return [word.slice(0, at), word.slice(at + 1)]
  })
  return ok({ argv: rest.slice(first), env: { ...variables, ...Object.fromEntries(set) } })
}

function without(variables: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).filter(([key]) => key !== name))
}
