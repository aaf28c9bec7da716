/** An expected failure is data: a code for programs, one sentence for people. A throw means a bug. */
export type FailureCode =
  /** The user wrote something that cannot be: exit code 2. */
  | 'Usage'
  /** The command could not be executed: not found, not executable, no such user or folder. */
  | 'CannotStart'
  /** An instance could not replace its program in place. */
  | 'ExecFailed'
  /** An instance of the new revision exited before it was ready. */
  | 'ExitedBeforeReady'
  /** An instance of the new revision exited after it was ready, while the rollout was still going on. */
  | 'Crashed'
  /** A probe of the new revision failed. */
  | 'ProbeFailed'
  /** An instance had more in memory than maxMemory allows. */
  | 'MemoryExceeded'
  /** No progress within progressDeadlineSeconds. */
  | 'ProgressDeadlineExceeded'
  /** The user undid the rollout before it was complete. */
  | 'Undone'
  /** Another rollout is going on. */
  | 'RolloutInProgress'
  /** The service is paused, stopping, or has no such revision. */
  | 'Refused'
  /** Kubernetes: the API server does not answer. */
  | 'Unreachable'
  /** Kubernetes: the API server does not know who asks (401), or does not let them (403). */
  | 'Forbidden'
  /** Kubernetes: a field that we would change is another field manager's (409). */
  | 'Conflict'
  /** Kubernetes: the Deployment was deleted or given another template while we rolled it. */
  | 'Superseded'

export interface Failure {
  code: FailureCode
  /** One sentence: what was done, the value in quotes, what is and what was wanted. No final period. */
  message: string
  /** The last lines that the instance printed, where there is one. */
  output?: string[]
}

export type Result<T> = { ok: true; value: T } | { ok: false; failure: Failure }

export const ok = <T>(value: T): Result<T> => ({ ok: true, value })
export const failed = (
  code: FailureCode,
  message: string,
  output?: string[],
): { ok: false; failure: Failure } => ({
  ok: false,
  failure: output === undefined ? { code, message } : { code, message, output },
})
