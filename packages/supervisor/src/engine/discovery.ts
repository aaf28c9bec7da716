import type { EventBody, Instance, OpenListener } from '../model/index.js'
import { listed } from '../model/text.js'
import type { BoundSocket, World } from '../ports.js'
import type { ServiceRuntime } from './runtime.js'

/** Makes what an instance has bound itself listeners of the service. */
export function discover(
  world: World,
  runtime: ServiceRuntime,
  id: string,
  sockets: BoundSocket[],
  report: (event: EventBody) => void,
): void {
  const group = world.processes.launched(id)?.pid
  const instance = runtime.state.instances.find((candidate) => candidate.id === id)
  const revision = runtime.state.revisions.find(({ number }) => number === instance?.revision)
  if (group === undefined || !instance || !revision || revision.spec.discover === false) return
  const readyMs = instance.state === 'ready' ? world.clock.now() - instance.since : 0
  const warn = (text: string) => report({ type: 'InstanceStatus', instance: id, text })
  const { names, opened } = runtime.listeners.discover(sockets, { group, readyMs }, warn)
  runtime.uses.set(id, { ...useOf(runtime, id), bound: names })
  if (opened.length === 0) return
  const note = `discovered ${listed(opened.map(shown))}, which ${id} listens on`
  report({ type: 'ListenersChanged', listeners: runtime.listeners.open(), note })
}

/** Takes down which of the listeners that an instance was given its application listens on. */
export function noteAdopted(runtime: ServiceRuntime, id: string, adopted: string[]): void {
  runtime.uses.set(id, { ...useOf(runtime, id), adopted })
}

const useOf = ({ uses }: ServiceRuntime, id: string) => uses.get(id) ?? { adopted: null, bound: [] }

/** The listeners that the instance listens on, as far as it has reported, come first. */
export function usedFirst<T extends OpenListener>({ uses }: ServiceRuntime, id: string, listeners: T[]): T[] {
  const used = new Set([...(uses.get(id)?.adopted ?? []), ...(uses.get(id)?.bound ?? [])])
  return [
    ...listeners.filter(({ name }) => used.has(name)),
    ...listeners.filter(({ name }) => !used.has(name)),
  ]
}

/**
 * Closes discovered listeners that no instance uses any more, as far as `closeBeforeDrain` has not: the instance that
 * did has crashed, or its application listens late. During a rollout none is closed, because a rollback may need it. A
 * listener in whose queue connections wait stays open for the grace period: an instance may still begin to listen.
 */
export function closeUnused(world: World, runtime: ServiceRuntime, report: (event: EventBody) => void): void {
  runtime.cancelLook?.()
  runtime.cancelLook = null
  const now = world.clock.now()
  const unused = unusedListeners(runtime)
  const since = new Map(unused.map(({ name }) => [name, runtime.unusedSince.get(name) ?? now]))
  runtime.unusedSince = since
  const closed = unused.filter((listener) => {
    const unusedMs = now - (since.get(listener.name) ?? now) - patienceOf(listener)
    if (unusedMs < 0) return false
    return unusedMs >= graceMs(runtime) || !runtime.listeners.isWaitedOn(listener.name)
  })
  for (const { name } of closed) since.delete(name)
  if (since.size > 0)
    runtime.cancelLook = world.clock.at(now + lookAgainMs, () => closeUnused(world, runtime, report))
  closeAll(world, runtime, closed, report)
}

/**
 * Closes the discovered listeners that only draining instances use, before the last of these gets its signal. It then
 * has the only copy, and accepts what is in the queue: nobody would accept what comes later.
 */
export function closeBeforeDrain(
  world: World,
  runtime: ServiceRuntime,
  report: (event: EventBody) => void,
): void {
  const { instances, stopping } = runtime.state
  const staying = instances.filter(({ state }) => state !== 'draining')
  if (stopping || !staying.some(({ state }) => state === 'ready')) return
  const closed = runtime.listeners
    .open()
    .filter(({ discovered, lateMs }) => discovered && lateMs === undefined)
    .filter(({ name }) => !staying.some((instance) => mayUse(runtime, instance, name)))
  closeAll(world, runtime, closed, report)
}

function closeAll(
  world: World,
  runtime: ServiceRuntime,
  closed: OpenListener[],
  report: (event: EventBody) => void,
): void {
  if (closed.length === 0) return
  const names = closed.map(({ name }) => name)
  for (const { id } of runtime.state.instances) world.processes.withdraw(id, names)
  for (const name of names) runtime.listeners.close(name)
  const note = `closed ${listed(closed.map(shown))}: no instance listens on ${closed.length === 1 ? 'it' : 'them'} any more`
  report({ type: 'ListenersChanged', listeners: runtime.listeners.open(), note })
}

const lookAgainMs = 250

/** The messages of an instance that has just connected arrive one after the other. */
const settleMs = 500

/** An application that listens late in one revision does so in the next one, too. */
const patienceOf = ({ lateMs = 0 }: OpenListener): number => settleMs + 2 * lateMs

function graceMs({ state }: ServiceRuntime): number {
  const target = state.revisions.find(({ number }) => number === state.target)
  return (target?.spec.terminationGracePeriodSeconds ?? 0) * 1000
}

function unusedListeners(runtime: ServiceRuntime): OpenListener[] {
  const { instances, rollout, stopping } = runtime.state
  const isServed = instances.some(({ state }) => state === 'ready' || state === 'unready')
  if (rollout !== null || stopping || !isServed) return []
  return runtime.listeners
    .open()
    .filter(
      ({ name, discovered }) => discovered && !instances.some((instance) => mayUse(runtime, instance, name)),
    )
}

/** Of an instance that has not reported yet, or has no library, that is unknown. */
function mayUse({ uses }: ServiceRuntime, instance: Instance, name: string): boolean {
  if (instance.state === 'draining' && !instance.accepting && !instance.returns) return false
  const use = uses.get(instance.id)
  if (instance.state === 'crashed' || !use?.adopted) return true
  return use.adopted.includes(name) || use.bound.includes(name)
}

const shown = ({ name, address }: OpenListener): string => `${name} ${address}`
