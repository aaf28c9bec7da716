import type { Failure } from '../model/index.js'
import { exitCodes } from '../control/api.js'
import type { Answer } from '../control/client.js'

type AnyFailure = Failure | { code: 'NoSupervisor'; message: string }

/** An expected end of a command: its sentence goes to standard error, its code to the shell. */
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

/** The value of an answer; its failure ends the command. */
export function valueOf<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value
  throw exitWith(answer.failure)
}
