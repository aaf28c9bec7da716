import { OptionError } from '../protocol/errors.js'

type Source = [name: string, value: number | string | undefined]

/**
 * Milliseconds of the first source that is set, or of `fallback`. All of them are in seconds.
 *
 * @throws OptionError when it is not a number of seconds from 0 to 2147483
 */
export function milliseconds(...args: [...Source[], fallback: number]): number {
  const sources = args.slice(0, -1) as Source[]
  const [name, value] = sources.find(([, candidate]) => candidate !== undefined) ?? [
    'default',
    args.at(-1) as number,
  ]
  const seconds = value === '' ? NaN : Number(value)
  // setTimeout() takes at most 2^31-1 ms.
  if (seconds >= 0 && seconds <= 2_147_483) return seconds * 1000
  throw new OptionError(`${name} is "${value}", wanted a number of seconds from 0 to 2147483`)
}
