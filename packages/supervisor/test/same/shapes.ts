import fc from 'fast-check'
import type { Kind, Shape } from './program.js'

const { boolean, constant, constantFrom, oneof, option, record } = fc

const hosts = constantFrom(
  undefined,
  undefined,
  undefined,
  '127.0.0.1',
  '127.0.0.1',
  '0.0.0.0',
  '::',
  '::1',
  'localhost',
)

export const given = <T extends object>(values: T): T =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T

const common = {
  host: hosts,
  backlog: option(constantFrom(1, 128, 4096), { nil: undefined, freq: 4 }),
  callback: boolean(),
}

const byPort: fc.Arbitrary<Shape> = oneof(
  {
    weight: 4,
    arbitrary: record({
      form: constant('arguments'),
      port: constantFrom('p0', 'p0', 'p0', 'p1', 0),
      text: boolean(),
      ...common,
    }),
  },
  {
    weight: 3,
    arbitrary: record({
      form: constant('options'),
      port: constantFrom('p0', 'p0', 'p0', 'p1', 0),
      text: boolean(),
      ...common,
      signal: constantFrom(undefined, undefined, 'later', 'aborted'),
      more: constantFrom(undefined, undefined, { exclusive: true }, { ipv6Only: true }),
    }),
  },
)

const paths = constantFrom('u0', 'u0', 'u0', 'u1', 'abstract0', 'relative0')
const byPath: fc.Arbitrary<Shape> = oneof(
  record({ form: constant('arguments'), path: paths, backlog: common.backlog, callback: boolean() }),
  record({
    form: constant('options'),
    path: paths,
    callback: boolean(),
    signal: constantFrom(undefined, undefined, 'later'),
    more: constantFrom(undefined, { exclusive: true }, { readableAll: true, writableAll: true }),
  }),
)

/** Most of them fail: at once, in the next turn, or after a name was looked up. */
const odd: fc.Arbitrary<Shape> = oneof(
  record({
    form: constant('arguments'),
    port: constantFrom('busy', 'p0'),
    host: constantFrom(undefined, '127.0.0.1', '192.0.2.1', 'nohost.invalid'),
    callback: boolean(),
  }),
  record({ form: constant('options'), path: constantFrom('nowhere0', 'file0'), callback: boolean() }),
  record({
    form: constant('raw'),
    args: constantFrom(
      [],
      [null],
      [undefined],
      [0],
      ['0'],
      [65536],
      [-1],
      ['-1'],
      [{}],
      [true],
      [''],
      [{ port: 'x' }],
      [{ port: 0, signal: 1 }],
      [{ path: '' }],
      [{ fd: 99 }],
      [{ fd: 1 }],
    ),
    callback: boolean(),
  }),
  record({ form: constant('handle'), of: constantFrom(0, 1), callback: boolean() }),
  record({ form: constant('fd'), of: constantFrom(0, 1), callback: boolean() }),
) as fc.Arbitrary<Shape>

export const shapes = oneof(
  { weight: 6, arbitrary: byPort },
  { weight: 3, arbitrary: byPath },
  { weight: 3, arbitrary: odd },
)
export const bindShapes = oneof(
  record({
    form: constant('arguments'),
    port: constantFrom('p0', 'p0', 'p1', 0),
    host: constantFrom(undefined, 'local'),
    callback: boolean(),
  }),
  record({
    form: constant('bind options'),
    port: constantFrom('p0', 'p0', 'busy', 0),
    host: constantFrom(undefined, 'local'),
    callback: boolean(),
    more: constantFrom(undefined, { exclusive: true }),
  }),
  record({
    form: constant('raw'),
    args: constantFrom([], [{}], [{ port: 65536 }], [{ fd: 99 }]),
    callback: boolean(),
  }),
) as fc.Arbitrary<Shape>

/** Under the address family of the socket. */
export const localised = (kind: Kind, shape: Shape): Shape =>
  given({ ...shape, host: shape.host === 'local' ? (kind === 'udp4' ? '127.0.0.1' : '::1') : shape.host })
