import type { Command, Failure, Result, ServiceSpec } from '../../model/index.js'
import { unknownService } from '../../model/index.js'
import type { WaitFor } from '../../control/api.js'
import { diffServices } from '../../config/diff.js'
import type { Engine } from '../../engine/index.js'
import { outcomeOf } from './outcome.js'
import { stop } from './steering.js'
import type { Outcome, Task } from './task.js'
import { refused, select } from './task.js'

interface RolloutOptions {
  services?: string[]
  wait?: WaitFor
}

/** Rolls to what is on disk now. Services that the configuration does not name any more stop. */
export async function upgrade(task: Task, { services, wait }: RolloutOptions): Promise<Outcome> {
  const specs = await task.source.read()
  if (!specs.ok) return refused(specs.failure)
  const known = specs.value.map(({ name }) => name)
  const wanted = services?.length ? services : known
  const unknown = wanted.find((name) => !known.includes(name))
  if (unknown !== undefined) return refused(unknownService(unknown, known))

  const chosen = specs.value.filter(({ name }) => wanted.includes(name))
  const asked = begin(
    chosen,
    ({ name }) => name,
    (spec) => task.engine.apply(spec, 'upgrade'),
  )
  if (!services?.length) await stopAbsent(task, specs.value)
  return outcomeOf(task, asked, wait)
}

/** Rereads the configuration, tells what is different, and rolls only that. */
export async function reload(task: Task): Promise<Outcome> {
  const specs = await task.source.read()
  if (!specs.ok) return refused(specs.failure)
  const { lines, added, changed } = diffServices(runningSpecs(task.engine), specs.value)
  if (lines.length === 0) task.tell({ type: 'note', text: 'the configuration is as it was' })
  for (const text of lines) task.tell({ type: 'note', text })

  const touched = new Set([...added, ...changed])
  const chosen = specs.value.filter(({ name }) => touched.has(name))
  const asked = begin(
    chosen,
    ({ name }) => name,
    (spec) => task.engine.apply(spec, 'config'),
  )
  await stopAbsent(task, specs.value)
  return outcomeOf(task, asked, undefined)
}

/** Undo and restart: a rollout that needs nothing from the configuration. */
export async function roll(
  task: Task,
  { services, wait }: RolloutOptions,
  command: Command,
): Promise<Outcome> {
  const names = select(task, services)
  if (!names.ok) return refused(names.failure)
  const asked = begin(
    names.value,
    (name) => name,
    (name) => task.engine.command(name, command),
  )
  return outcomeOf(task, asked, wait)
}

/** What the services run now, or are being rolled to. */
export const runningSpecs = (engine: Engine): ServiceSpec[] =>
  engine
    .services()
    .filter(({ state }) => !state.stopping)
    .flatMap(({ state }) => state.revisions.find(({ number }) => number === state.target)?.spec ?? [])

/** Asks for each; one that is refused does not keep the others from rolling. */
function begin<T>(
  all: T[],
  nameOf: (one: T) => string,
  ask: (one: T) => Result<true>,
): { rolling: string[]; refusals: Failure[] } {
  const rolling: string[] = []
  const refusals: Failure[] = []
  for (const one of all) {
    const answer = ask(one)
    if (answer.ok) rolling.push(nameOf(one))
    else refusals.push(answer.failure)
  }
  return { rolling, refusals }
}

async function stopAbsent(task: Task, specs: ServiceSpec[]): Promise<void> {
  const absent = task.engine
    .services()
    .map(({ state }) => state.name)
    .filter((name) => !specs.some((spec) => spec.name === name))
  if (absent.length === 0) return
  task.tell({ type: 'note', text: `stopping ${absent.join(', ')}: not in the configuration any more` })
  await stop(task, absent)
}
