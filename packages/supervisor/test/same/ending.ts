import fc from 'fast-check'
import type { Act, Ending, Handler, Kind, Program, Step, Talk } from './program.js'
import { given } from './shapes.js'

const { array, boolean, constant, constantFrom, oneof, option, record, tuple } = fc

const signals = constantFrom('SIGTERM', 'SIGTERM', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR2')
const codes = constantFrom(0, 1, 7)

/** Each ends the process, in plain Node. */
const lastActs: fc.Arbitrary<Act[]> = oneof(
  codes.map((code): Act[] => [{ do: 'exit', code }]),
  codes.map((code): Act[] => [{ do: 'close', then: [{ do: 'exit', code }] }]),
  codes.map((code): Act[] => [
    { do: 'exitCode', code },
    { do: 'close', then: [] },
  ]),
  constant<Act[]>([{ do: 'close', then: [] }]),
  constant<Act[]>([{ do: 'close', then: [{ do: 'raise' }] }]),
  constant<Act[]>([{ do: 'raise' }]),
  constant<Act[]>([{ do: 'remove all' }, { do: 'raise' }]),
  constant<Act[]>([{ do: 'throw' }]),
  constant<Act[]>([
    { do: 'call', method: 'closeAllConnections' },
    { do: 'close', then: [] },
  ]),
)

const acts: fc.Arbitrary<Act[]> = tuple(
  boolean(),
  boolean(),
  option(constantFrom(1, 20), { freq: 3 }),
  lastActs,
).map(([counts, tells, ms, last]) => [
  ...(counts ? [{ do: 'count' } as const] : []),
  ...(tells ? [{ do: 'tell' } as const] : []),
  { do: 'destroy' } as const,
  ...(ms === null ? last : [{ do: 'later', ms, then: last } as const]),
])

const ways = constantFrom('on', 'once', 'prependListener')
const handled: fc.Arbitrary<Ending> = signals.chain((signal) =>
  tuple(
    acts,
    ways,
    array(tuple(ways, constantFrom(signal, 'SIGINT', 'SIGHUP')), { maxLength: 2 }),
    constantFrom('first', 'last'),
    option(constant(true), { nil: undefined, freq: 4 }),
    constantFrom('raise', 'raise', 'raise', 'emit'),
  ).map(([ends, how, others, when, removeAllFirst, type]): Ending => {
    const observers = others.map(([way, other]): Handler => ({ signal: other, how: way, acts: [] }))
    // What raises the signal again has to be its only handler, in order to end.
    const raises = JSON.stringify(ends).includes('raise')
    const handlers = [
      ...(raises ? observers.filter((one) => one.signal !== signal) : observers),
      { signal, how: how as 'on', acts: ends },
    ]
    return given({
      handlers,
      when: when as 'first',
      removeAllFirst,
      trigger: { type: type as 'raise', signal },
    })
  }),
)

const unhandled: fc.Arbitrary<Ending> = record({
  handlers: constant<Handler[]>([]),
  when: constant('first' as const),
  trigger: oneof(
    signals.map((signal) => ({ type: 'raise' as const, signal })),
    constantFrom(
      { type: 'throw' as const },
      { type: 'reject' as const },
      { type: 'close' as const },
      { type: 'unref' as const },
    ),
    codes.map((code) => ({ type: 'exit' as const, code })),
  ),
})

const clientsOf = (kind: Kind, server: number): fc.Arbitrary<Step[]> =>
  array(
    constantFrom<Talk>(...(kind === 'http' ? (['once', 'keep', 'slow'] as const) : (['once'] as const))).map(
      (talk): Step => ({ type: 'connect', server, host: '127.0.0.1', talk }),
    ),
    { maxLength: 2 },
  )

const served = (server: number): fc.Arbitrary<Step[]> =>
  constantFrom<Kind>('net', 'http', 'http', 'https', 'http2').chain((kind) =>
    tuple(constantFrom(undefined, '127.0.0.1', 'localhost'), clientsOf(kind, server)).map(
      ([host, clients]): Step[] => [
        { type: 'server', server, kind, errors: 'before' },
        {
          type: 'listen',
          server,
          shape: given({ form: 'arguments' as const, port: `p${server}`, host }),
          then: 'wait',
        },
        ...clients,
      ],
    ),
  )

/** Programs that end by a signal, an error, a call, or by themselves. */
export const ending: fc.Arbitrary<Program> = tuple(
  oneof(
    { weight: 5, arbitrary: served(0) },
    { weight: 1, arbitrary: constant<Step[]>([]) },
    { weight: 2, arbitrary: tuple(served(0), served(1)).map(([first, second]) => [...first, ...second]) },
  ),
  oneof({ weight: 2, arbitrary: handled }, { weight: 1, arbitrary: unhandled }),
).map(([steps, end]) => ({ steps, ending: end }))
