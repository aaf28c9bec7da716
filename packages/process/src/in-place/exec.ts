import type net from 'node:net'
import type { Announcer } from '../announce/announcer.js'
import type { Connections } from '../connections/connections.js'
import type { Environment } from '../protocol/environment.js'
import { HandoverError, OptionError } from '../protocol/errors.js'
import type { LastRequests } from '../drain/last-requests.js'
import { execCalls } from '../system/exec-calls.js'
import { nextImage, origin, type ExecOptions } from './image.js'
import { Attempt } from './attempt.js'

/** What the service lends. */
export interface ExecHost {
  readonly connections: Connections
  readonly lastRequests: LastRequests
  readonly announcer: Announcer
  readonly environment: Environment
  readonly limits: { timeoutMs: number; idleMs: number }
  /** False: the application keeps state with its connections, and none can be kept. */
  readonly keeps: boolean
  readonly generation: number
  /** All that listens: what was inherited, and what was bound here. */
  listeners(): { name: string; fd: number }[]
  nameOf(server: net.Server): string
  /** Awaited when everything is at rest; `kept` connections are, of which `waiting` were given to nobody yet. */
  beforeExec(kept: number, waiting: number): Promise<void>
}

/**
 * Replaces the program of this process and keeps its listeners and connections:
 *
 *     waiting ──► freezing ──► replaced          (the next program adopts what it finds)
 *        ▲            │
 *        └── thawed ──┤  not at rest soon enough
 *                     ▼
 *                  given up                      (deadline, or execve(2) failed: this program goes on serving)
 *
 * While it waits, for requests that take their time and for connections that cannot be kept, everything is
 * served and accepted as ever. Only when none of these is left the rest is frozen, which takes as long as the
 * quick requests that are in flight; then the next program is executed.
 */
export class InPlaceExec {
  readonly #host: ExecHost
  readonly #origin = origin()
  #attempt: Attempt | null = null

  constructor(host: ExecHost) {
    this.#host = host
  }

  get running(): boolean {
    return this.#attempt !== null
  }

  /** Resolves never: the process is another program then. Rejects with the reason when this one goes on serving. */
  async exec(options: ExecOptions): Promise<never> {
    if (this.#attempt !== null)
      throw new HandoverError(
        'ERR_HANDOVER_STATE',
        'exec() was called, but an earlier one is still under way',
      )
    const { announcer, environment } = this.#host
    const calls = execCalls()
    if (calls === null)
      throw new HandoverError(
        'ERR_HANDOVER_EXEC_UNAVAILABLE',
        'exec() needs the package koffi, which is not installed or not for this platform',
      )
    const image = nextImage(options, this.#origin, environment)
    const timeoutMs = timeoutOf(options) ?? this.#host.limits.timeoutMs
    const attempt = (this.#attempt = new Attempt(this.#host, calls, image, timeoutMs, options.cut === true))
    announcer.reloading()
    try {
      throw await attempt.go()
    } catch (error) {
      announcer.reloaded(error)
      throw error
    } finally {
      attempt.giveUp()
      this.#attempt = null
    }
  }

  /** The service drains: that goes first. */
  abandon(): void {
    this.#attempt?.abandon(new HandoverError('ERR_HANDOVER_STATE', 'exec() was given up: the service drains'))
  }
}

function timeoutOf({ timeoutSeconds: seconds }: ExecOptions): number | undefined {
  if (seconds === undefined) return undefined
  // setTimeout cannot wait longer than 2^31-1 ms.
  if (typeof seconds === 'number' && seconds >= 0 && seconds <= 2_147_483) return seconds * 1000
  throw new OptionError(`timeoutSeconds is "${seconds}", a number of seconds from 0 to 2147483 was expected`)
}
