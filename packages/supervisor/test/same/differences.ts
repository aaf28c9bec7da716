import { isDeepStrictEqual } from 'node:util'
import type { Difference } from './compare.js'
import type { Played } from './lanes.js'
import type { Program } from './program.js'

interface Runs {
  plain: Played
  ours: Played
}

interface Wanted {
  reason: string
  applies(program: Program | undefined, difference: Difference, runs: Runs): boolean
}

const drainSignals: unknown[] = ['SIGTERM', 'SIGINT']

/** The signal that the program drains at: of a process that has listened. */
function drainSignal(program: Program | undefined): string | null {
  const trigger = program?.ending?.trigger
  if (trigger === undefined || !('signal' in trigger) || !drainSignals.includes(trigger.signal)) return null
  return program?.steps.some(({ type }) => type === 'listen') === true ? trigger.signal : null
}

const isKilled = ({ exit }: Played, signal: string): boolean =>
  isDeepStrictEqual(exit, { code: null, signal })

const exitsWith = ({ exit }: Played, code: number): boolean => isDeepStrictEqual(exit, { code, signal: null })

/** The differences from plain Node that are wanted. Everything else is a fault. */
const wanted: Wanted[] = [
  {
    reason:
      'a signal without a handler drains, so the servers close, the answers are given, and the process exits with 0',
    applies(program, _difference, { plain, ours }) {
      const signal = drainSignal(program)
      return signal !== null && isKilled(plain, signal) && exitsWith(ours, 0)
    },
  },
  {
    reason:
      'a drain comes before the handlers: servers close and answers are given that plain Node would cut',
    applies(program, { actor, plain, ours }) {
      if (drainSignal(program) === null || actor === 'exit') return false
      const [expected, seen] = [plain, ours].map((entries) => entries.filter((entry) => !isOfDrain(entry)))
      if (actor === 'process') return isDeepStrictEqual(expected, seen)
      return isDeepStrictEqual(expected, seen?.slice(0, expected?.length))
    },
  },
]

/** The end of a connection or a server, whose place is another one in a drain. */
const isOfDrain = (entry: unknown): boolean =>
  Array.isArray(entry) && ['close', 'end', 'error', 'server closed'].includes(entry[0] as string)

export const forgiven = (program: Program | undefined, difference: Difference, runs: Runs): boolean =>
  wanted.some(({ applies }) => applies(program, difference, runs))
