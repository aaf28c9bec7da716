import type { Event, EventBody } from '../model/index.js'
import { intent, plan, reduce } from '../rollout/index.js'
import type { World } from '../ports.js'
import { closeUnused } from './discovery.js'
import { executor, updateAccepting, updateSuccessors } from './execute.js'
import type { JournalWriter } from './journal-writer.js'
import { endsRollout, updateReceipt } from './receipts.js'
import type { ServiceRuntime } from './runtime.js'
import { isDurable, snapshot, wantedListeners } from './runtime.js'

/**
 * The only writer of state. It journals, reduces and publishes each event, plans, journals the intents of the plan's
 * actions, and only then carries them out. Their outcomes arrive as further events.
 */
export interface Loop {
  runtimes: Map<string, ServiceRuntime>
  /** Handles events. When it returns, all actions that follow from them have begun, unless the loop was already running. */
  emit(service: string, ...events: EventBody[]): void
  /** Plans again without an event. */
  wake(service: string): void
  subscribe(listener: (event: Event) => void): () => void
  /** Stops planning and acting. */
  close(): void
}

export function createLoop(world: World, journal: JournalWriter): Loop {
  const runtimes = new Map<string, ServiceRuntime>()
  const listeners = new Set<(event: Event) => void>()
  const inbox: Event[] = []
  const unsettled = new Set<string>()
  let running = false
  let closed = false

  function emit(service: string, ...bodies: EventBody[]): void {
    const at = world.clock.now()
    inbox.push(...bodies.map((body) => ({ service, at, ...body })))
    run()
  }

  function wake(service: string): void {
    unsettled.add(service)
    run()
  }

  /** Not reentrant: a call from an action or a subscriber returns at once, and the running loop handles its events. */
  function run(): void {
    if (running || closed) return
    running = true
    try {
      while (inbox.length > 0 || unsettled.size > 0) {
        record(inbox.splice(0))
        for (const service of unsettled) {
          unsettled.delete(service)
          settle(service)
        }
      }
      shortenJournal()
    } finally {
      running = false
    }
  }

  function record(events: Event[]): void {
    journal.append(events.filter(isDurable))
    for (const event of events) {
      const runtime = runtimes.get(event.service)
      if (!runtime) continue
      runtime.state = reduce(runtime.state, event)
      unsettled.add(event.service)
      applyEffects(runtime, event)
    }
    for (const event of events) for (const listener of listeners) listener(event)
  }

  /** Only while nothing rolls or drains: receipts are folded from the journaled events. */
  function shortenJournal(): void {
    if (!journal.overgrown) return
    const known = [...runtimes.values()]
    const settled = ({ state: { rollout, instances } }: ServiceRuntime) =>
      rollout === null && instances.every(({ state }) => state !== 'draining')
    if (known.every(settled)) journal.rewrite(snapshot(known, world.clock.now()))
  }

  function settle(service: string): void {
    const runtime = runtimes.get(service)
    if (!runtime || closed) return
    const now = world.clock.now()
    const { actions, wakeAt, waiting } = plan(runtime.state, now)
    runtime.waiting = waiting
    runtime.cancelWake?.()
    runtime.cancelWake = wakeAt === null ? null : world.clock.at(wakeAt, () => wake(service))
    if (actions.length > 0) record(actions.map((action) => ({ service, at: now, ...intent(action, now) })))
    updateSuccessors(world, runtime)
    updateAccepting(world, runtime)
    runtime.listeners.steer(runtime.state) // before an instance that gets no more is told to stop
    closeUnused(world, runtime, (event) => emit(service, event))
    for (const action of actions) act(runtime, action)
  }

  const act = executor(world, emit)

  /** Updates what is not part of the state: status lines, receipts, listeners. */
  function applyEffects(runtime: ServiceRuntime, event: Event): void {
    if (event.type === 'InstanceStatus') runtime.texts.set(event.instance, event.text)
    if (event.type === 'InstanceExited') runtime.texts.delete(event.instance)
    const receipt = updateReceipt(runtime, event, world.kernel)
    if (receipt) emit(runtime.state.name, { type: 'RolloutAccounted', receipt })
    // The state keeps them: the service manager may have the discovered ones at the next start.
    if (event.type === 'ServiceStopped') runtime.listeners.retain([])
    else if (endsRollout(event) || event.type === 'InstanceExited')
      closeUnwanted(runtime, wantedListeners(runtime.state))
  }

  function closeUnwanted(runtime: ServiceRuntime, wanted: ReturnType<typeof wantedListeners>): void {
    if (!runtime.listeners.retain(wanted)) return
    emit(runtime.state.name, { type: 'ListenersChanged', listeners: runtime.listeners.open() })
  }

  return {
    runtimes,
    emit,
    wake,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close() {
      closed = true
      for (const { cancelWake, cancelLook } of runtimes.values()) {
        cancelWake?.()
        cancelLook?.()
      }
    },
  }
}
