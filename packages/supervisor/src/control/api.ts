import type { Event, Failure, Receipt, Revision, Status } from '../model/index.js'

/**
 * The control API: HTTP/1.1 with JSON bodies over a unix socket that only its owner may open (0600).
 *
 * | call | answer |
 * | --- | --- |
 * | `GET /v1/status` | `Status` |
 * | `GET /v1/watch` | a stream of `status` lines, one per change, at most ten a second |
 * | `GET /v1/history?service=` | `ServiceHistory[]` |
 * | `GET /v1/explain?service=` | `Explanation[]` |
 * | `GET /v1/logs?service=` | `LogFile[]` |
 * | `POST /v1/operations` | an `Operation`; a stream of lines that ends with `done` |
 *
 * A stream is `application/x-ndjson`: one `StreamLine` a line. An error is `{ failure }` with status 4xx.
 */
export type Operation =
  /** `config`: absolute path of the configuration that is read from now on. */
  | { type: 'upgrade'; services?: string[]; wait?: WaitFor; config?: string }
  | { type: 'restart'; services?: string[]; wait?: WaitFor }
  | { type: 'undo'; services?: string[]; toRevision?: number; wait?: WaitFor }
  | { type: 'pause' | 'resume' | 'stop'; services?: string[] }
  | { type: 'scale'; replicas: Record<string, number> }
  /** Rereads the configuration and rolls what changed. */
  | { type: 'reload'; config?: string }
  /** Waits until every service is settled; starts nothing. */
  | { type: 'await' }

/** When an operation is done: at the end of the rollout, or once the old instances have exited as well. */
export type WaitFor = 'complete' | 'drained'

/** One line of a stream. */
export type StreamLine =
  | { type: 'status'; status: Status }
  | { type: 'event'; event: Event }
  | { type: 'note'; text: string }
  | { type: 'receipt'; receipt: Receipt }
  /** Something that is wrong beside the operation, shown after its end. */
  | { type: 'warning'; text: string }
  /** The last line. `exitCode` is what the command should exit with. */
  | { type: 'done'; exitCode: number; failures: Failure[] }

export interface ServiceHistory {
  service: string
  revisions: { revision: Revision; receipts: Receipt[]; stable: boolean; current: boolean }[]
}

export interface Explanation {
  service: string
  lines: string[]
}

export interface LogFile {
  service: string
  instance: string
  path: string
}

/** Exit codes of the command. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  rolledBack: 3,
  timedOut: 4,
  noSupervisor: 5,
  /** The supervisor ended because of an uncaught error: EX_SOFTWARE of sysexits.h. */
  bug: 70,
} as const

const { usage, noSupervisor, timedOut, failed, rolledBack } = exitCodes
/** A result that is not known comes before a known failure, and what undid itself last. */
const worstFirst: number[] = [usage, noSupervisor, timedOut, failed, rolledBack]

/**
 * The exit code of several services together: the one that asks most for a person's attention. 128 + n, a signal,
 * is the worst. Without any code: `done`.
 */
export function worstExitCode(codes: number[]): number {
  const signalled = codes.find((code) => code > 128)
  return signalled ?? worstFirst.find((code) => codes.includes(code)) ?? exitCodes.done
}

/** What the control API needs from the supervisor. */
export interface Supervisor {
  status(): Status
  history(service?: string): ServiceHistory[]
  explain(service?: string): Explanation[]
  logs(service?: string): LogFile[]
  /** Calls back after each event; returns the function that ends the subscription. */
  subscribe(listener: (event: Event) => void): () => void
  /** Carries out the operation and writes a line for whatever happens. Resolves with the exit code for the command. */
  operate(
    operation: Operation,
    write: (line: StreamLine) => void,
  ): Promise<{ exitCode: number; failures: Failure[] }>
}
