import type { Failure, Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { StreamLine } from '../../control/api.js'
import { exitCodes } from '../../control/api.js'
import type { SpecReader } from '../../config/reader.js'
import type { Engine } from '../../engine/index.js'
import type { Follow } from '../follow.js'

/** One operation while it is carried out: what it works on, and to whom it tells what happens. */
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

/** The named services, or all of them; fails on a name that is not known. */
export function select({ engine }: Task, services: string[] | undefined): Result<string[]> {
  const known = engine.services().map(({ state }) => state)
  if (!services?.length) return ok(known.map(({ name }) => name))
  const unknown = services.find((name) => !known.some((state) => state.name === name))
  return unknown === undefined ? ok(services) : failed('Usage', unknownService(unknown, known))
}

export function unknownService(name: string, known: { name: string }[]): string {
  const names = known.map((service) => `"${service.name}"`).join(', ') || 'no service at all'
  return `service "${name}" is not known here; there is ${names}`
}
