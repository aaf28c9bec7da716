import { isDeepStrictEqual } from 'node:util'
import { forgiven } from './differences.js'
import type { Batch, Entry, Lane, Played } from './lanes.js'
import type { Program } from './program.js'

export interface Difference {
  lane: Lane
  batch: number
  program: number
  /** `exit`, or who logged what differs: a server, a client, the process. */
  actor: string
  plain: unknown[]
  ours: unknown[]
}

/** The log by program and actor: the order between a server and its clients is the kernel's. */
function streams(entries: Entry[], program: number): Map<string, unknown[]> {
  const byActor = new Map<string, unknown[]>()
  for (const [index, actor, ...rest] of entries)
    if (index === program) byActor.set(actor, [...(byActor.get(actor) ?? []), rest])
  return byActor
}

export function compare(batches: Batch[], plain: Played[], lane: Lane, ours: Played[]): Difference[] {
  return batches.flatMap((batch, index) => {
    const [expected, seen] = [plain[index], ours[index]]
    if (expected === undefined || seen === undefined) throw new Error(`batch ${index} was not played`)
    const differences = [...batch, undefined].flatMap((program, number) =>
      compareProgram(program, streams(expected.entries, number), streams(seen.entries, number)).map(
        (found) => ({
          ...found,
          program: number,
        }),
      ),
    )
    const exits = isDeepStrictEqual(expected.exit, seen.exit)
      ? []
      : [{ actor: 'exit', plain: [expected.exit], ours: [seen.exit], program: batch.length - 1 }]
    return [...differences, ...exits]
      .map((found) => ({ lane, batch: index, ...found }))
      .filter((found) => !forgiven(batch[found.program], found, { plain: expected, ours: seen }))
  })
}

type Found = Pick<Difference, 'actor' | 'plain' | 'ours'>

function compareProgram(
  _program: Program | undefined,
  expected: Map<string, unknown[]>,
  seen: Map<string, unknown[]>,
): Found[] {
  return [...new Set([...expected.keys(), ...seen.keys()])]
    .map((actor) => ({ actor, plain: expected.get(actor) ?? [], ours: seen.get(actor) ?? [] }))
    .filter(({ plain, ours }) => !isDeepStrictEqual(plain, ours))
}
