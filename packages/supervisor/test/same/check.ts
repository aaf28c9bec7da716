import { inspect, isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { compare } from './compare.js'
import type { Difference } from './compare.js'
import { ending } from './ending.js'
import type { Batch, Entry, Lane, Played } from './lanes.js'
import { play } from './lanes.js'
import { regressions } from './regressions.js'
import { serving } from './serving.js'

export interface CheckOptions {
  seed: number
  /** How many programs that only serve, and how many of them share a process. */
  serving: number
  perBatch: number
  /** How many programs that end the process. Each has one of its own. */
  ending: number
}

const lanes: Lane[] = ['plain', 'alone', 'first', 'later']

/** Plays programs in every lane, and compares what they saw. Resolves with a text about the differences, or null. */
export async function check({ seed, ...counts }: CheckOptions): Promise<string | null> {
  const programs = fc.sample(serving, { seed, numRuns: counts.serving })
  const batches: Batch[] = [regressions]
  while (programs.length > 0) batches.push(programs.splice(0, counts.perBatch))
  for (const program of fc.sample(ending, { seed, numRuns: counts.ending })) batches.push([program])
  const played = await play(batches, lanes)
  refuseStuck(played.plain)
  const found = lanes
    .filter((lane) => lane !== 'plain')
    .flatMap((lane) => compare(batches, played.plain, lane, played[lane]))
  return found.length === 0 ? null : describe(seed, batches, found)
}

/** In plain Node every step of a program has an effect that it can wait for, and every program ends. */
function refuseStuck(plain: Played[]): void {
  const isStuck = ([, , event]: Entry) => event === 'stuck' || event.startsWith('nothing of')
  for (const { entries, exit } of plain)
    if (exit === 'still running' || entries.some(isStuck))
      throw new Error(`a program does not end in plain Node: ${show(entries.at(-1))}`)
}

/** By program, and the lanes that saw the same together. */
function describe(seed: number, batches: Batch[], found: Difference[]): string {
  const byProgram = groupBy(found, ({ batch, program }) => `program ${program} of batch ${batch}`)
  const texts = [...byProgram].map(([name, differences]) => {
    const [{ batch, program } = { batch: 0, program: 0 }] = differences
    const seen = groupBy(differences, ({ actor, plain, ours }) => first(actor, plain, ours))
    const lines = [...seen].map(([text, same]) => `${same.map(({ lane }) => lane).join(', ')}: ${text}`)
    return `${name}: ${JSON.stringify(batches[batch]?.[program])}\n${lines.join('\n')}`
  })
  return `SEED=${seed}: ${found.length} differences in ${texts.length} programs\n\n${texts.join('\n\n')}`
}

const show = (value: unknown) => inspect(value, { depth: 10, breakLength: Infinity, maxStringLength: 400 })

/** What differs first. */
function first(actor: string, plain: unknown[], ours: unknown[]): string {
  const at = plain.findIndex((entry, index) => !isDeepStrictEqual(entry, ours[index]))
  const index = at === -1 ? plain.length : at
  const rest = (entries: unknown[]) =>
    entries
      .slice(index, index + 4)
      .map(show)
      .join(' ') || 'nothing'
  return `${actor}, entry ${index}\n  plain ${rest(plain)}\n  ours  ${rest(ours)}`
}

function groupBy<Item>(items: Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}
