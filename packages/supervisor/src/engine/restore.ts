import type { EventBody, Instance, Result } from '../model/index.js'
import { ok } from '../model/index.js'
import { heldBack, type Held } from '../held-back.js'
import { initialState, reduce } from '../rollout/index.js'
import type { LaunchedProcess, World } from '../ports.js'
import { goOn, nameSuccessors, observe } from './execute.js'
import { listenerTable } from './listeners.js'
import type { Loop } from './loop.js'
import { noteForReceipt } from './receipts.js'
import type { ServiceRuntime } from './runtime.js'
import { newRuntime, snapshot } from './runtime.js'

/**
 * Goes on where an earlier supervisor of this name left off, however it ended. The journal says what it knew and
 * what it meant to do; instances that live on are watched again, those that are gone are reported gone, listeners
 * are taken back from the instances that hold them. Nothing that serves is touched.
 */
export async function restore(world: World, loop: Loop): Promise<Result<true>> {
  const found = await Promise.all(fold(world).map((runtime) => adoptAll(world, loop, runtime)))
  for (const { runtime, adopted } of found) {
    const holders = adopted.map(({ process }) => process.pid)
    const recovered = runtime.listeners.recover(adopted.length > 0 ? runtime.state.listeners : [], holders)
    if (!recovered.ok) return recovered
  }
  // What is known now stands for all that was known before: the journal does not grow for ever.
  const known = found.map(({ runtime }) => runtime)
  world.journal.rewrite(snapshot(known, world.clock.now()))
  for (const { runtime } of found) loop.runtimes.set(runtime.state.name, runtime)
  for (const restored of found) catchUp(world, restored)
  return ok(true)
}

/** The state of each service as the journal has it. */
function fold(world: World): ServiceRuntime[] {
  const runtimes = new Map<string, ServiceRuntime>()
  for (const event of world.journal.read()) {
    const runtime =
      runtimes.get(event.service) ?? newRuntime(initialState(event.service), listenerTable(world.sockets))
    runtimes.set(event.service, runtime)
    runtime.state = reduce(runtime.state, event)
    if (event.type === 'ServiceRestored') runtime.receipts = event.receipts
    else noteForReceipt(runtime, event, { read: () => null })
  }
  return [...runtimes.values()]
}

interface Restored {
  runtime: ServiceRuntime
  /** `speaks`: our library or preload is in it, see `Processes.check`. */
  adopted: { instance: Instance; process: LaunchedProcess; speaks: boolean }[]
  /** Emits; what is reported before `release` is held back, since the loop does not know the service yet. */
  report: (event: EventBody) => void
  /** Behind it what the instances tell is heard, too: nobody watches them before. */
  release: () => void
}

async function adoptAll(world: World, loop: Loop, runtime: ServiceRuntime): Promise<Restored> {
  const { state } = runtime
  let held: EventBody[] | null = []
  const report = (event: EventBody): void => {
    if (held) held.push(event)
    else loop.emit(state.name, event)
  }
  const holders: Held[] = []
  const adopting = state.instances.map(async (instance) => {
    const revision = state.revisions.find(({ number }) => number === instance.revision)
    const { id } = instance
    const known = identityOf(instance)
    const living = known ?? world.processes.find(id)
    if (living === null || !revision) return []
    if (known === null) report({ type: 'InstanceStarted', instance: id, ...living })
    const listeners = state.listeners.map((listener) => ({ ...listener, fd: -1 }))
    const replacing = instance.replacing !== undefined
    const runnable = world.processes.check(revision)
    const speaks = runnable.ok && runnable.value.speaks
    const awaited = speaks && instance.state !== 'starting'
    const order = { instance: id, revision, listeners, ...living, replacing, speaks: awaited }
    const holder = heldBack(observe(world, runtime, id, report))
    holders.push(holder)
    const process = await world.processes.adopt(order, holder.observer)
    return process.ok ? [{ instance, process: process.value, speaks }] : []
  })
  const adopted = (await Promise.all(adopting)).flat()
  const release = () => {
    const events = held ?? []
    held = null
    loop.emit(state.name, ...events)
    for (const holder of holders) holder.release()
  }
  return { runtime, adopted, report, release }
}

/** Tells the loop what changed while nobody looked, and goes on with what was begun. */
function catchUp(world: World, { runtime, adopted, report, release }: Restored): void {
  const { state } = runtime
  // Nothing of it lives, as after a restart of the machine: it is not gone on with, but begun anew.
  if (adopted.length === 0 && !state.stopped) report({ type: 'ServiceStopping' })
  for (const { id, state: was } of state.instances) {
    if (was === 'crashed' || adopted.some(({ instance }) => instance.id === id)) continue
    report({ type: 'InstanceExited', instance: id, exit: { code: null, signal: null }, output: [] })
  }
  nameSuccessors(world, runtime) // before anybody is told to go
  for (const { instance, process, speaks } of adopted) {
    goOn(world, runtime, instance, process, speaks, report)
  }
  release()
}

/** Null: the supervisor died between the start of the process and the note of it. */
const identityOf = ({ pid, startTime }: Instance): { pid: number; startTime: string } | null =>
  pid === null || startTime === null ? null : { pid, startTime }
