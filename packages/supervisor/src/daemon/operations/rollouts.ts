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
  config?: string
}

/** Rolls services to the release and configuration on disk. Without names: all, and stops those no longer configured. */
export async function upgrade(task: Task, { services, wait, config }: RolloutOptions): Promise<Outcome> {
  const specs = await task.source.read(config)
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

/** Rereads the configuration, lists the differences, and rolls only the services that changed. */
export async function reload(task: Task, config: string | undefined): Promise<Outcome> {
  const specs = await task.source.read(config)
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

/** Undo and restart: rollouts that do not read the configuration. */
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

/** The specs of the target revisions of all services that are not stopping. */
export const runningSpecs = (engine: Engine): ServiceSpec[] =>
  engine
    .services()
    .filter(({ state }) => !state.stopping)
    .flatMap(({ state }) => state.revisions.find(({ number }) => number === state.target)?.spec ?? [])

/** Starts a rollout of each. If one is refused, the others still roll. */
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
  task.tell({ type: 'note', text: `stopping ${absent.join(', ')}: no longer in the configuration` })
  await stop(task, absent)
}
