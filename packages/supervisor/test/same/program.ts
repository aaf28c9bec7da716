/**
 * A small program as data, which test/fixtures/same/play.cjs plays. Ports are names such as `p0`; the plan of a run has
 * their numbers, and the log has the names again.
 */
export interface Program {
  steps: Step[]
  /** How it ends. Without it, it closes what it has opened, and the next program is played in the same process. */
  ending?: Ending
}

export type Kind = 'net' | 'half-open' | 'tls' | 'http' | 'https' | 'http2' | 'http2s' | 'udp4' | 'udp6'

export type Step =
  | { type: 'server'; server: number; kind: Kind; errors: 'before' | 'after' }
  /** `then`: what it waits for before the next step: an event of the server, a tick, a turn of the event loop, nothing. */
  | { type: 'listen'; server: number; shape: Shape; then: 'wait' | 'tick' | 'immediate' | 'none' }
  | { type: 'connect'; server: number; host: string; talk: Talk }
  | { type: 'client'; client: number; action: 'ask' | 'end' | 'destroy' }
  | { type: 'close'; server: number; callback: boolean; then: 'wait' | 'none' }
  | { type: 'abort'; server: number }
  | { type: 'call'; server: number; method: string; args?: unknown[] }
  | { type: 'tell'; server: number }
  | { type: 'wait'; ms: number }

/** `once`: asks and closes. `keep`: asks and stays. `slow`: stays while it waits for an answer. `idle`: says nothing. */
export type Talk = 'once' | 'keep' | 'idle' | 'slow' | 'datagram'

/** The arguments of a call of `listen` or `bind`. */
export interface Shape {
  form: 'arguments' | 'options' | 'bind options' | 'raw' | 'handle' | 'fd'
  port?: string | number
  /** The port as a string of digits. */
  text?: boolean
  path?: string
  host?: string
  backlog?: number
  callback?: boolean
  signal?: 'later' | 'aborted'
  /** Other options. */
  more?: Record<string, unknown>
  /** The server whose handle or descriptor is used. */
  of?: number
  fd?: number
  args?: unknown[]
}

export interface Ending {
  handlers: Handler[]
  /** Before the servers listen, or after. */
  when: 'first' | 'last'
  /** Whether `removeAllListeners` is called for the signal of the trigger before the handlers are added. */
  removeAllFirst?: boolean
  uncaught?: boolean
  trigger: Trigger
}

export interface Handler {
  signal: string
  how: 'on' | 'once' | 'prependListener'
  acts: Act[]
}

export type Trigger =
  | { type: 'raise' | 'emit'; signal: string }
  | { type: 'throw' | 'reject' | 'close' | 'unref' }
  | { type: 'exit'; code: number }

export type Act =
  | { do: 'exit' | 'exitCode'; code: number }
  | { do: 'close'; then: Act[] }
  | { do: 'later'; ms: number; then: Act[] }
  | { do: 'call'; method: 'closeAllConnections' | 'closeIdleConnections' }
  | { do: 'destroy' | 'tell' | 'raise' | 'remove all' | 'throw' | 'count' }
