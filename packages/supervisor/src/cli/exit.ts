import type { Failure } from '../model/index.js'
import { exitCodes } from '../control/api.js'
import type { Answer } from '../control/client.js'

type AnyFailure = Failure | { code: 'NoSupervisor'; message: string }

/** Ends a command as expected: the message goes to standard error, the code to the shell. */
export class CommandExit extends Error {
  override name = 'CommandExit'
  readonly exitCode: number

  constructor(exitCode: number, message = '') {
    super(message)
    this.exitCode = exitCode
  }
}

/** The exit code that a failure deserves. */
export function exitCodeOf(failure: AnyFailure): number {
  if (failure.code === 'NoSupervisor' || failure.code === 'Unreachable') return exitCodes.noSupervisor
  return failure.code === 'Usage' ? exitCodes.usage : exitCodes.failed
}

export const exitWith = (failure: AnyFailure): CommandExit =>
  new CommandExit(exitCodeOf(failure), failure.message)

/** Returns the value of an answer; throws a `CommandExit` for a failure. */
export function valueOf<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value
  throw exitWith(answer.failure)
}
