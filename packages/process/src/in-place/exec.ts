import type { Announcer } from '../announce/announcer.js'
import type { Connections } from '../connections/connections.js'
import type { LastRequests } from '../drain/last-requests.js'
import type { Environment } from '../protocol/environment.js'
import { HandoverError, OptionError } from '../protocol/errors.js'
import type { CommandLine } from '../system/command-line.js'
import { execCalls } from '../system/exec-calls.js'
import { Attempt, type ExecSteps } from './attempt.js'
import { nextImage, type ImageOptions } from './image.js'

/** How this program was started, and the limits of its service. */
export interface ExecSettings {
  commandLine: CommandLine
  environment: Environment
  /** Milliseconds. The drain's limit, which is the default of `ExecOptions.timeoutSeconds`. */
  timeoutMs: number
  /** How long an idle connection that cannot be carried over stays open for its last request. Milliseconds. */
  idleMs: number
}

/**
 * Replaces the program of this process and keeps its listeners and connections:
 *
 *     waiting ──► freezing ──► replaced          (the next program serves what was carried over)
 *        ▲            │
 *        └── thawed ──┤  not at rest soon enough
 *                     ▼
 *                  given up                      (deadline, drain, or execve(2) failed: this program keeps serving)
 *
 * While it waits for slow requests and for connections that cannot be carried over, everything is accepted and
 * served. Once none of these is left, the rest is frozen, which takes as long as the quick requests in flight. Then the
 * next program is executed.
 */
export class InPlaceExec {
  readonly #connections: Connections
  readonly #lastRequests: LastRequests
  readonly #announcer: Announcer
  readonly #steps: ExecSteps
  readonly #settings: ExecSettings
  #attempt: Attempt | null = null

  constructor(
    connections: Connections,
    lastRequests: LastRequests,
    announcer: Announcer,
    steps: ExecSteps,
    settings: ExecSettings,
  ) {
    this.#connections = connections
    this.#lastRequests = lastRequests
    this.#announcer = announcer
    this.#steps = steps
    this.#settings = settings
  }

  /** Never resolves: the process then runs another program. Rejects with the reason if this one keeps serving. */
  async exec(options: ImageOptions): Promise<never> {
    if (this.#attempt !== null)
      throw new HandoverError('ERR_HANDOVER_STATE', 'exec() was called while an earlier one is under way')
    const calls = execCalls()
    if (calls === null)
      throw new HandoverError(
        'ERR_HANDOVER_EXEC_UNAVAILABLE',
        'exec() needs the package koffi, which is not installed or not for this platform',
      )
    const { commandLine, environment, idleMs } = this.#settings
    const image = nextImage(options, commandLine, environment)
    const timeoutMs = timeoutOf(options) ?? this.#settings.timeoutMs
    const limits = { timeoutMs, idleMs, cut: options.cut === true }
    const attempt = new Attempt(this.#connections, this.#lastRequests, this.#steps, limits)
    this.#attempt = attempt
    this.#announcer.reloading()
    try {
      throw await attempt.run(calls, image)
    } catch (error) {
      this.#announcer.reloaded(error)
      throw error
    } finally {
      attempt.giveUp()
      this.#attempt = null
    }
  }

  /** Gives up, because a drain of the service has precedence. */
  abandon(): void {
    this.#attempt?.abandon(new HandoverError('ERR_HANDOVER_STATE', 'exec() was given up: the service drains'))
  }
}

function timeoutOf({ timeoutSeconds: seconds }: ImageOptions): number | undefined {
  if (seconds === undefined) return undefined
  // setTimeout() takes at most 2^31-1 ms.
  if (typeof seconds === 'number' && seconds >= 0 && seconds <= 2_147_483) return seconds * 1000
  throw new OptionError(`timeoutSeconds is "${seconds}", wanted a number of seconds from 0 to 2147483`)
}
