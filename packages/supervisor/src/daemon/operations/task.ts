import type { Failure, Result } from '../../model/index.js'
import { ok, unknownService } from '../../model/index.js'
import type { StreamLine } from '../../control/api.js'
import { exitCodes } from '../../control/api.js'
import type { SpecReader } from '../../config/reader.js'
import type { Engine } from '../../engine/index.js'
import type { Follow } from '../follow.js'

/** An operation in progress. `tell` streams a line to the client. */
export interface Task {
  engine: Engine
  source: SpecReader
  tell: (line: StreamLine) => void
  following: Follow
}

export interface Outcome {
  exitCode: number
  failures: Failure[]
}

export const done: Outcome = { exitCode: exitCodes.done, failures: [] }

export const refused = (failure: Failure): Outcome => ({
  exitCode: codeOfRefusal(failure),
  failures: [failure],
})

export const codeOfRefusal = ({ code }: Failure): number =>
  code === 'Usage' ? exitCodes.usage : exitCodes.failed

/** The named services, or all if none is named. Fails with `Usage` if one does not exist. */
export function select({ engine }: Task, services: string[] | undefined): Result<string[]> {
  const known = engine.services().map(({ state }) => state.name)
  if (!services?.length) return ok(known)
  const unknown = services.find((name) => !known.includes(name))
  if (unknown === undefined) return ok(services)
  return { ok: false, failure: unknownService(unknown, known) }
}
