/** Expected failures are values: a code for programs, a sentence for people. An exception means a bug. */
export type FailureCode =
  /** The user's input is invalid: exit code 2. */
  | 'Usage'
  /** The command could not be executed: not found, not executable, no such user or folder. */
  | 'CannotStart'
  /** An instance could not replace its program in place. */
  | 'ExecFailed'
  /** An instance of the new revision exited before it was ready. */
  | 'ExitedBeforeReady'
  /** An instance of the new revision exited after it was ready, during the rollout. */
  | 'Crashed'
  /** A probe of the new revision failed. */
  | 'ProbeFailed'
  /** An instance used more memory than maxMemory allows. */
  | 'MemoryExceeded'
  /** No progress within progressDeadlineSeconds. */
  | 'ProgressDeadlineExceeded'
  /** The user undid the rollout before it was complete. */
  | 'Undone'
  /** Another rollout is in progress. */
  | 'RolloutInProgress'
  /** The service is paused, stopping, or has no such revision. */
  | 'Refused'
  /** Kubernetes: the API server does not answer. */
  | 'Unreachable'
  /** Kubernetes: the API server could not authenticate the user (401), or the user lacks permission (403). */
  | 'Forbidden'
  /** Kubernetes: a field that the command would change belongs to another field manager (409). */
  | 'Conflict'
  /** Kubernetes: the Deployment was deleted, or its template was changed, during the rollout. */
  | 'Superseded'

export interface Failure {
  code: FailureCode
  /** One sentence that names the value in double quotes and says what is wanted. No final period. */
  message: string
  /** The last lines that the instance printed, if the failure concerns an instance. */
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
