import type { Event, EventBody, Instance, OpenListener, Result } from '../model/index.js'
import { ok } from '../model/index.js'
import { bufferedObserver, type BufferedObserver } from '../buffered-observer.js'
import { initialState, reduce } from '../rollout/index.js'
import type { LaunchedProcess, Listener, World } from '../ports.js'
import { observe, updateSuccessors, watchInstance } from './execute.js'
import type { JournalWriter } from './journal-writer.js'
import { listenerTable } from './listeners.js'
import type { Loop } from './loop.js'
import { updateReceipt } from './receipts.js'
import type { ServiceRuntime } from './runtime.js'
import { newRuntime, snapshot } from './runtime.js'

/**
 * Takes over the services of an earlier supervisor of the same name, whatever ended it. The journal holds its state
 * and its intents. Instances that still run are watched again, those that are gone are reported as exited, and
 * listeners are recovered from the instances that hold them. Serving instances are not interrupted.
 */
export async function restore(world: World, loop: Loop, journal: JournalWriter): Promise<Result<true>> {
  const journaled = world.journal.read()
  if (!journaled.ok) return journaled
  const replayed = replay(world, journaled.value)
  const found = await Promise.all(replayed.map((runtime) => adoptAll(world, loop, runtime)))
  for (const { runtime, adopted } of found) {
    const holders = adopted.map(({ process }) => process.pid)
    const { listeners, instances } = runtime.state
    const recovered = runtime.listeners.recover(adopted.length > 0 ? listeners : [], holders, instances)
    if (!recovered.ok) return recovered
    if (adopted.length === 0) runtime.orphans = listeners.filter(({ discovered }) => discovered)
  }
  // The restored state replaces the old events, so that the journal does not grow without limit.
  const known = found.map(({ runtime }) => runtime)
  journal.rewrite(snapshot(known, world.clock.now()))
  for (const { runtime } of found) loop.runtimes.set(runtime.state.name, runtime)
  for (const restored of found) catchUp(world, restored)
  return ok(true)
}

function replay(world: World, events: Event[]): ServiceRuntime[] {
  const runtimes = new Map<string, ServiceRuntime>()
  for (const event of events) {
    const runtime =
      runtimes.get(event.service) ?? newRuntime(initialState(event.service), listenerTable(world.sockets))
    runtimes.set(event.service, runtime)
    runtime.state = reduce(runtime.state, event)
    if (event.type === 'ServiceRestored') runtime.receipts = event.receipts
    else updateReceipt(runtime, event, { read: () => null })
  }
  return [...runtimes.values()]
}

interface Restored {
  runtime: ServiceRuntime
  /** `hasLibrary`: see `Processes.check`. */
  adopted: { instance: Instance; process: LaunchedProcess; hasLibrary: boolean }[]
  /** Emits an event. Events are buffered until `release`, because the loop does not know the service before. */
  report: (event: EventBody) => void
  /** Emits the buffered events, then passes on what the instances have reported meanwhile. */
  release: () => void
}

async function adoptAll(world: World, loop: Loop, runtime: ServiceRuntime): Promise<Restored> {
  const { state } = runtime
  let buffer: EventBody[] | null = []
  const report = (event: EventBody): void => {
    if (buffer) buffer.push(event)
    else loop.emit(state.name, event)
  }
  const observers: BufferedObserver[] = []
  const adopting = state.instances.map(async (instance) => {
    const revision = state.revisions.find(({ number }) => number === instance.revision)
    const { id } = instance
    const journaled = identityOf(instance)
    const identity = journaled ?? world.processes.find(id)
    if (identity === null || !revision) return []
    if (journaled === null) report({ type: 'InstanceStarted', instance: id, ...identity })
    const listeners = state.listeners.map((listener) => seenBy(id, listener))
    const replacing = instance.replacing !== undefined
    const runnable = world.processes.check(revision)
    const hasLibrary = runnable.ok && runnable.value.hasLibrary
    const awaitReconnect = hasLibrary && instance.state !== 'starting'
    const order = { instance: id, revision, listeners, ...identity, replacing, awaitReconnect }
    const buffered = bufferedObserver(observe(world, runtime, id, report))
    observers.push(buffered)
    const process = await world.processes.adopt(order, buffered.observer)
    return process.ok ? [{ instance, process: process.value, hasLibrary }] : []
  })
  const adopted = (await Promise.all(adopting)).flat()
  const release = () => {
    const events = buffer ?? []
    buffer = null
    loop.emit(state.name, ...events)
    for (const buffered of observers) buffered.release()
  }
  return { runtime, adopted, report, release }
}

/** Emits what changed while no supervisor ran, and watches the instances that still run. */
function catchUp(world: World, { runtime, adopted, report, release }: Restored): void {
  const { state } = runtime
  // No instance survived, for example because the machine was restarted: the service is started from scratch.
  if (adopted.length === 0 && !state.stopped) report({ type: 'ServiceStopping' })
  for (const { id, state: was } of state.instances) {
    if (was === 'crashed' || adopted.some(({ instance }) => instance.id === id)) continue
    report({ type: 'InstanceExited', instance: id, exit: { code: null, signal: null }, output: [] })
  }
  const open = runtime.listeners.open()
  // A discovered one that no instance holds is bound again by the application.
  if (adopted.length > 0 && open.length < state.listeners.length)
    report({ type: 'ListenersChanged', listeners: open })
  updateSuccessors(world, runtime) // before any instance gets SIGTERM
  runtime.listeners.steer(state)
  for (const { instance, process, hasLibrary } of adopted) {
    watchInstance(world, runtime, instance, process, hasLibrary, report)
  }
  release()
}

/** The listener as the instance got it. It is not recovered yet. */
function seenBy(instance: string, listener: OpenListener): Listener {
  const own = listener.group?.find((member) => member.instance === instance)
  return { ...listener, fd: -1, ...(own && { inode: own.inode, own: { route: () => null } }) }
}

/** Null if the supervisor died after it started the process and before it journaled the pid. */
const identityOf = ({ pid, startTime }: Instance): { pid: number; startTime: string } | null =>
  pid === null || startTime === null ? null : { pid, startTime }
