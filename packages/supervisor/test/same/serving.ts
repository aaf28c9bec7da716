import fc from 'fast-check'
import type { Kind, Program, Shape, Step, Talk } from './program.js'
import { bindShapes, given, localised, shapes } from './shapes.js'

const { array, boolean, constant, constantFrom, oneof, record, tuple } = fc

const streamKinds: Kind[] = [
  'net',
  'net',
  'http',
  'http',
  'http',
  'half-open',
  'tls',
  'https',
  'http2',
  'http2s',
]

const isDatagram = (kind: Kind) => kind.startsWith('udp')

/** An address that reaches a server which listens like this. */
function reaching(kind: Kind, { host, more }: Shape, second: boolean): string {
  if (kind === 'udp4') return '127.0.0.1'
  if (kind === 'udp6') return '::1'
  if (host === '::1' || host === '::' || more?.ipv6Only === true) return '::1'
  return host === undefined && second ? '::1' : '127.0.0.1'
}

const talksOf = (kind: Kind): Talk[] =>
  isDatagram(kind) ? ['datagram'] : kind.startsWith('http2') ? ['once'] : ['once', 'once', 'keep', 'idle']

const listens = (server: number, kind: Kind): fc.Arbitrary<Step> =>
  record({
    type: constant('listen' as const),
    server: constant(server),
    shape: (isDatagram(kind) ? bindShapes : shapes).map((shape) => localised(kind, shape)),
    then: constantFrom('wait', 'wait', 'wait', 'wait', 'tick', 'immediate', 'none'),
  })

type Later = (server: number, kind: Kind, host: string) => fc.Arbitrary<Step>

const calls: [string, unknown[]?][] = [
  ['unref'],
  ['ref'],
  ['getConnections'],
  ['closeIdleConnections'],
  ['closeAllConnections'],
  ['removeAllListeners', ['listening']],
  ['removeAllListeners', ['close']],
]

const laterSteps: Later = (server, kind, host) =>
  oneof(
    {
      weight: 6,
      arbitrary: constantFrom(...talksOf(kind)).map((talk): Step => ({
        type: 'connect',
        server,
        host,
        talk,
      })),
    },
    {
      weight: 3,
      arbitrary: tuple(boolean(), constantFrom('wait', 'wait', 'none')).map(([callback, then]): Step => ({
        type: 'close',
        server,
        callback,
        then: then,
      })),
    },
    { weight: 2, arbitrary: listens(server, kind) },
    { weight: 1, arbitrary: constant<Step>({ type: 'abort', server }) },
    {
      weight: 2,
      arbitrary: constantFrom(...calls).map(([method, args]): Step => ({
        type: 'call',
        server,
        method,
        ...(args && { args }),
      })),
    },
    { weight: 2, arbitrary: constant<Step>({ type: 'tell', server }) },
    {
      weight: 1,
      arbitrary: constantFrom('ask', 'end', 'destroy').map((action): Step => ({
        type: 'client',
        client: 0,
        action: action as 'ask',
      })),
    },
    { weight: 1, arbitrary: constantFrom(0, 5).map((ms): Step => ({ type: 'wait', ms })) },
  )

const withServer = (server: number, kinds: Kind[], later: number): fc.Arbitrary<Step[]> =>
  record({ kind: constantFrom(...kinds), errors: constantFrom('before', 'after'), second: boolean() }).chain(
    ({ kind, errors, second }) =>
      listens(server, kind).chain((listen) => {
        const host = listen.type === 'listen' ? reaching(kind, listen.shape, second) : '127.0.0.1'
        return array(laterSteps(server, kind, host), { maxLength: later }).map((rest): Step[] => [
          { type: 'server', server, kind, errors: errors as 'before' },
          listen,
          ...rest,
        ])
      }),
  )

/**
 * A service keeps one socket for a port. So a program asks for one host per port, and port 0 only without a host:
 * another host for a port that the service has is another question than this comparison's.
 */
function withOneHost(steps: Step[]): Program {
  const isOwn = ({ form, port }: Shape) =>
    (form === 'arguments' || form === 'options') && (port === 'p0' || port === 'p1')
  const shapeOf = (step: Step) =>
    step.type === 'listen' && step.shape.path === undefined ? [step.shape] : []
  const host = steps.flatMap(shapeOf).find(isOwn)?.host
  return {
    steps: steps.map((step) => {
      const [shape] = shapeOf(step)
      if (step.type !== 'listen' || shape === undefined || (!isOwn(shape) && shape.port !== 0)) return step
      return { ...step, shape: given({ ...shape, host: shape.port === 0 ? undefined : host }) }
    }),
  }
}

/** Programs that listen, serve and close, and leave nothing behind. */
export const serving: fc.Arbitrary<Program> = oneof(
  { weight: 5, arbitrary: withServer(0, streamKinds, 5).map(withOneHost) },
  {
    weight: 2,
    arbitrary: tuple(withServer(0, streamKinds, 2), withServer(1, streamKinds, 3)).map((both) =>
      withOneHost(both.flat()),
    ),
  },
  { weight: 1, arbitrary: withServer(0, ['udp4', 'udp6'], 3).map((steps) => ({ steps })) },
)
