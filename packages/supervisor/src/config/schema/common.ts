import { z } from 'zod'
import { splitWords } from '../../model/words.js'
import { namePattern, wantedName } from '../names.js'
import { didYouMean } from '../suggest.js'

// In this folder a schema's `error` completes the sentence `services.web.x is 1, wanted …`.

/** Prefix of a message that replaces `is …, wanted …`: `services.web.x <message>`. */
export const predicate = '\u0000'

/** An object that refuses unknown fields and suggests the field that was probably meant. */
export const fields = <Shape extends z.ZodRawShape>(shape: Shape, wanted = 'an object') =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? predicate + unknownFields(issue.keys, Object.keys(shape)).join(predicate)
        : wanted,
  })

const unknownFields = (keys: string[], known: string[]): string[] =>
  keys.map(
    (key) => `has no field "${key}"${didYouMean(key, known) || `, its fields are ${known.join(', ')}`}`,
  )

export const name = z.string({ error: wantedName }).regex(namePattern, { error: wantedName })

/** A whole number, `least` or more. */
export function count(least: number, wanted = `a whole number, ${least} or more`) {
  const error = wanted
  return z.int({ error }).min(least, { error })
}

const wantedPercent = "a number of instances (1) or a percentage of replicas ('25%')"
export const intOrPercent = z.union(
  [count(0, wantedPercent), z.string().regex(/^\d{1,3}%$/, { error: wantedPercent })],
  {
    error: wantedPercent,
  },
)

/** Seconds, fractions allowed: 0.2 is 200 ms. At most 2,000,000, since Node's timers end at 2^31 - 1 ms (24.8 days). */
export function seconds(least: 'zero' | 'positive') {
  const error = `a number of seconds, ${least === 'zero' ? '0 or more' : 'more than 0'}, at most 2000000`
  const number = z.number({ error }).max(2_000_000, { error })
  return least === 'zero' ? number.min(0, { error }) : number.gt(0, { error })
}

export const wantedPort = 'a port number from 0 to 65535 (0: any free port)'
export const portNumber = z
  .int({ error: wantedPort })
  .min(0, { error: wantedPort })
  .max(65535, { error: wantedPort })

export const text = (wanted: string) => z.string({ error: wanted }).min(1, { error: wanted })

const wantedCommand =
  "a list of words (['node', 'server.js']) or a line without shell features ('node server.js')"

/** A program and its arguments: a list of words, or one line that is split as a shell splits it. */
export const command = z.union(
  [
    z
      .array(z.string({ error: 'a word of the command' }), { error: wantedCommand })
      .min(1, { error: wantedCommand })
      .refine(([program]) => program !== '', { error: 'a program as its first word' }),
    z.string({ error: wantedCommand }).transform((line, context): string[] => {
      const words = splitWords(line)
      if (words.ok) return words.value
      context.issues.push({ code: 'custom', input: line, message: notWords(words.failure.message) })
      return z.NEVER
    }),
  ],
  { error: wantedCommand },
)

const notWords = (reason: string): string =>
  `${predicate}is no command: ${reason}${reason.includes('needs a shell') ? "; to use a shell, write ['sh', '-c', 'exec …']" : ''}`

const wantedAccount = 'a name or a numeric id'

/** A user or group: a name or a numeric id. */
export const account = z
  .union([text(wantedAccount), count(0, wantedAccount)], { error: wantedAccount })
  .transform((value) => String(value))
