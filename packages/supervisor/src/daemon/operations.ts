import type { Command, Failure, Receipt, Result, ServiceSpec } from '../model/index.js'
import { failed } from '../model/index.js'
import type { Operation, StreamLine, WaitFor } from '../control/api.js'
import { exitCodes } from '../control/api.js'
import type { Engine } from '../engine/index.js'
import { diffServices } from '../config/diff.js'
import type { SpecReader } from '../config/reader.js'
import type { Follow } from './follow.js'
import { follow } from './follow.js'

export interface Outcome {
  exitCode: number
  failures: Failure[]
}

type Tell = (line: StreamLine) => void

/** Carries out what a user asked for, tells what happens, and answers with the exit code that it deserves. */
export async function operate(
  engine: Engine,
  source: SpecReader,
  operation: Operation,
  tell: Tell,
): Promise<Outcome> {
  const following = follow(engine)
  const names = 'services' in operation ? operation.services : undefined
  const quiet = engine.subscribe((event) => {
    if (names && names.length > 0 && !names.includes(event.service)) return
    tell({ type: 'event', event })
  })
  try {
    return await carryOut(engine, source, operation, tell, following)
  } finally {
    quiet()
    following.end()
  }
}

function carryOut(
  engine: Engine,
  source: SpecReader,
  operation: Operation,
  tell: Tell,
  following: Follow,
): Promise<Outcome> {
  switch (operation.type) {
    case 'upgrade':
      return upgrade(engine, source, operation, tell, following)
    case 'reload':
      return reload(engine, source, tell, following)
    case 'undo':
      return roll(
        engine,
        { type: 'Undo', toRevision: operation.toRevision ?? null },
        operation,
        tell,
        following,
      )
    case 'restart':
      return roll(engine, { type: 'Restart' }, operation, tell, following)
    case 'pause':
      return Promise.resolve(each(engine, operation.services, { type: 'Pause' }))
    case 'resume':
      return Promise.resolve(each(engine, operation.services, { type: 'Resume' }))
    case 'scale':
      return scale(engine, operation.replicas, following)
    case 'stop':
      return stop(engine, operation.services, following)
    case 'await':
      return settled(engine, tell)
  }
}

async function upgrade(
  engine: Engine,
  source: SpecReader,
  operation: { services?: string[]; wait?: WaitFor },
  tell: Tell,
  following: Follow,
): Promise<Outcome> {
  const specs = await source.read()
  if (!specs.ok) return refused(specs.failure)
  const wanted = operation.services?.length ? operation.services : specs.value.map(({ name }) => name)
  const unknown = wanted.find((name) => !specs.value.some((spec) => spec.name === name))
  if (unknown !== undefined) return refused(unknownService(unknown, specs.value))

  const failures: Failure[] = []
  const rolling: string[] = []
  for (const spec of specs.value.filter(({ name }) => wanted.includes(name))) {
    const answer = engine.apply(spec, 'upgrade')
    if (answer.ok) rolling.push(spec.name)
    else failures.push(answer.failure)
  }
  if (!operation.services?.length) await stopAbsent(engine, specs.value, tell, following)
  return outcome(engine, rolling, failures, operation.wait, tell, following)
}

async function reload(engine: Engine, source: SpecReader, tell: Tell, following: Follow): Promise<Outcome> {
  const specs = await source.read()
  if (!specs.ok) return refused(specs.failure)
  const difference = diffServices(runningSpecs(engine), specs.value)
  if (difference.lines.length === 0) tell({ type: 'note', text: 'the configuration is as it was' })
  for (const text of difference.lines) tell({ type: 'note', text })

  const failures: Failure[] = []
  const rolling: string[] = []
  const touched = new Set([...difference.added, ...difference.changed])
  for (const spec of specs.value.filter(({ name }) => touched.has(name))) {
    const answer = engine.apply(spec, 'config')
    if (answer.ok) rolling.push(spec.name)
    else failures.push(answer.failure)
  }
  await stopAbsent(engine, specs.value, tell, following)
  return outcome(engine, rolling, failures, undefined, tell, following)
}

/** What the services run now, or are being rolled to. */
export const runningSpecs = (engine: Engine): ServiceSpec[] =>
  engine
    .services()
    .filter(({ state }) => !state.stopping)
    .flatMap(({ state }) => state.revisions.find(({ number }) => number === state.target)?.spec ?? [])

/** Services that the configuration names no more drain and are forgotten. */
async function stopAbsent(
  engine: Engine,
  specs: ServiceSpec[],
  tell: Tell,
  following: Follow,
): Promise<void> {
  const absent = engine
    .services()
    .map(({ state }) => state.name)
    .filter((name) => !specs.some((spec) => spec.name === name))
  if (absent.length === 0) return
  tell({ type: 'note', text: `stopping ${absent.join(', ')}: not in the configuration any more` })
  await stop(engine, absent, following)
}

async function roll(
  engine: Engine,
  command: Command,
  operation: { services?: string[]; wait?: WaitFor },
  tell: Tell,
  following: Follow,
): Promise<Outcome> {
  const names = select(engine, operation.services)
  if (!names.ok) return refused(names.failure)
  const failures: Failure[] = []
  const rolling: string[] = []
  for (const name of names.value) {
    const answer = engine.command(name, command)
    if (answer.ok) rolling.push(name)
    else failures.push(answer.failure)
  }
  return outcome(engine, rolling, failures, operation.wait, tell, following)
}

/** Waits for the rollouts' ends, tells each receipt, and folds them into one exit code. */
async function outcome(
  engine: Engine,
  services: string[],
  failures: Failure[],
  wait: WaitFor | undefined,
  tell: Tell,
  following: Follow,
): Promise<Outcome> {
  const codes: number[] = failures.map((failure) =>
    failure.code === 'Usage' ? exitCodes.usage : exitCodes.failed,
  )
  const all = [...failures]
  await Promise.all(
    services.map(async (service) => {
      const ended = await following.rolloutEnded(service)
      if (wait === 'drained') await following.until(() => draining(engine, service) === 0)
      const receipt = (wait === 'drained' && engine.service(service)?.receipt) || ended
      if (receipt) tell({ type: 'receipt', receipt })
      if (receipt?.failure) all.push(receipt.failure)
      codes.push(codeOf(receipt))
    }),
  )
  return { exitCode: worst(codes), failures: all }
}

const draining = (engine: Engine, service: string): number =>
  engine.service(service)?.state.instances.filter(({ state }) => state === 'draining').length ?? 0

function codeOf(receipt: Receipt | null): number {
  switch (receipt?.outcome) {
    case 'complete':
      return exitCodes.done
    case 'rolled-back':
      return exitCodes.rolledBack
    case 'failed':
    case 'stopped':
    case undefined:
      return exitCodes.failed
  }
}

/** Of several services' results the one that asks most for a person's attention. */
function worst(codes: number[]): number {
  const order: number[] = [exitCodes.usage, exitCodes.failed, exitCodes.rolledBack]
  return order.find((code) => codes.includes(code)) ?? exitCodes.done
}

async function scale(engine: Engine, replicas: Record<string, number>, following: Follow): Promise<Outcome> {
  const names = select(engine, Object.keys(replicas))
  if (!names.ok) return refused(names.failure)
  for (const [name, count] of Object.entries(replicas)) {
    const answer = engine.command(name, { type: 'Scale', replicas: count })
    if (!answer.ok) return refused(answer.failure)
  }
  await following.until(() => names.value.every((name) => hasItsReplicas(engine, name)))
  return { exitCode: exitCodes.done, failures: [] }
}

function hasItsReplicas(engine: Engine, name: string): boolean {
  const state = engine.service(name)?.state
  if (!state || state.stopping) return true
  const living = state.instances.filter((instance) => instance.state !== 'draining')
  return living.length === state.replicas && living.every((instance) => instance.state === 'ready')
}

async function stop(engine: Engine, services: string[] | undefined, following: Follow): Promise<Outcome> {
  const names = select(engine, services)
  if (!names.ok) return refused(names.failure)
  for (const name of names.value) engine.command(name, { type: 'Stop' })
  const gone = (name: string) => {
    const state = engine.service(name)?.state
    return !state || (state.stopping && state.instances.length === 0)
  }
  await following.until(() => names.value.every(gone))
  for (const name of names.value) engine.forget(name)
  return { exitCode: exitCodes.done, failures: [] }
}

function each(engine: Engine, services: string[] | undefined, command: Command): Outcome {
  const names = select(engine, services)
  if (!names.ok) return refused(names.failure)
  const failures = names.value.flatMap((name) => {
    const answer = engine.command(name, command)
    return answer.ok ? [] : [answer.failure]
  })
  return { exitCode: failures.length > 0 ? exitCodes.failed : exitCodes.done, failures }
}

/** Until no service is in a rollout; for `start`, which began all of them. */
async function settled(engine: Engine, tell: Tell): Promise<Outcome> {
  const following = follow(engine)
  const busy = () =>
    engine.services().some(({ state }) => state.rollout !== null && state.rollout.phase !== 'failed')
  try {
    await following.until(() => !busy())
  } finally {
    following.end()
  }
  const failures = engine.services().flatMap(({ state, receipt }) => {
    if (receipt) tell({ type: 'receipt', receipt })
    return state.rollout?.failure ? [state.rollout.failure] : []
  })
  return { exitCode: failures.length > 0 ? exitCodes.failed : exitCodes.done, failures }
}

function select(engine: Engine, services: string[] | undefined): Result<string[]> {
  const known = engine.services().map(({ state }) => state)
  if (!services?.length) return { ok: true, value: known.map(({ name }) => name) }
  const unknown = services.find((name) => !known.some((state) => state.name === name))
  return unknown === undefined
    ? { ok: true, value: services }
    : failed('Usage', unknownService(unknown, known).message)
}

function unknownService(name: string, known: { name: string }[]): Failure {
  const names = known.map((service) => `"${service.name}"`).join(', ') || 'no service at all'
  return { code: 'Usage', message: `service "${name}" is not known here; there is ${names}` }
}

const refused = (failure: Failure): Outcome => ({
  exitCode: failure.code === 'Usage' ? exitCodes.usage : exitCodes.failed,
  failures: [failure],
})
