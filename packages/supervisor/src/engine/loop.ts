import type {
  Command,
  Event,
  EventBody,
  Plan,
  Receipt,
  Result,
  Revision,
  ServiceSpec,
} from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { accept, explain, initialState, intent, plan, receiptOf, reduce } from '../rollout/index.js'
import type { World } from '../ports.js'
import type { Engine, ServiceView } from './engine.js'
import { executor } from './execute.js'
import { listenerTable } from './listeners.js'
import { historyOf } from './history.js'
import type { ServiceRuntime } from './runtime.js'
import { endsRollout, isDurable, newRuntime, wantedListeners, withEvent } from './runtime.js'

/**
 * The only writer. One event at a time: journal it, reduce it, publish it, plan, journal the intents of the
 * plan's actions, and only then act. Whatever the actions bring about comes back as further events.
 */
export function createEngine(world: World): Engine {
  const runtimes = new Map<string, ServiceRuntime>()
  const listeners = new Set<(event: Event) => void>()
  const inbox: Event[] = []
  let running = false
  let closed = false

  function emit(service: string, ...bodies: EventBody[]): void {
    const at = world.clock.now()
    inbox.push(...bodies.map((body) => ({ service, at, ...body })))
    if (running || closed) return
    running = true
    try {
      while (inbox.length > 0) {
        const events = inbox.splice(0)
        record(events)
        for (const name of new Set(events.map((event) => event.service))) settle(name)
      }
    } finally {
      running = false
    }
  }

  function record(events: Event[]): void {
    world.journal.append(events.filter(isDurable))
    for (const event of events) {
      const runtime = runtimes.get(event.service)
      if (!runtime) continue
      runtime.state = reduce(runtime.state, event)
      remember(runtime, event)
    }
    for (const event of events) for (const listener of listeners) listener(event)
  }

  function settle(name: string): void {
    const runtime = runtimes.get(name)
    if (!runtime || closed) return
    for (;;) {
      const now = world.clock.now()
      const next: Plan = plan(runtime.state, now)
      runtime.waiting = next.waiting
      if (next.actions.length === 0) return arm(runtime, next.wakeAt)
      record(next.actions.map((action) => ({ service: name, at: now, ...intent(action, now) })))
      for (const action of next.actions) act(runtime, action)
    }
  }

  const act = executor(world, emit)

  function arm(runtime: ServiceRuntime, wakeAt: number | null): void {
    runtime.cancelWake?.()
    runtime.cancelWake = wakeAt === null ? null : world.clock.at(wakeAt, () => settle(runtime.state.name))
  }

  function remember(runtime: ServiceRuntime, event: Event): void {
    if (event.type === 'RolloutStarted') runtime.kernelBefore = world.kernel.read()
    if (event.type === 'InstanceStatus') runtime.texts.set(event.instance, event.text)
    if (event.type === 'InstanceExited') runtime.texts.delete(event.instance)
    runtime.rolloutEvents = withEvent(runtime, event)
    if (endsRollout(event)) {
      const receipt = currentReceipt(runtime)
      if (receipt) runtime.receipts.push(receipt)
    }
    if (endsRollout(event) || event.type === 'InstanceExited')
      runtime.listeners.retain(wantedListeners(runtime.state))
    if (event.type === 'ServiceStopped') runtime.listeners.retain([])
  }

  function currentReceipt(runtime: ServiceRuntime): Receipt | null {
    const receipt = receiptOf(runtime.rolloutEvents)
    if (!receipt) return null
    return { ...receipt, kernel: kernelSince(runtime) }
  }

  function kernelSince(runtime: ServiceRuntime) {
    const [before, after] = [runtime.kernelBefore, world.kernel.read()]
    if (!before || !after) return null
    return {
      ListenOverflows: after.ListenOverflows - before.ListenOverflows,
      ListenDrops: after.ListenDrops - before.ListenDrops,
    }
  }

  function command(service: string, asked: Command): Result<true> {
    const runtime = runtimes.get(service)
    if (!runtime) return failed('Usage', `service "${service}" is not known here`)
    const answer = accept(runtime.state, asked, world.clock.now())
    if (!answer.ok) return answer
    // An undone upgrade may need a listener again that the newer revision gave up.
    for (const event of answer.value) {
      const bound =
        event.type === 'RevisionCreated' ? runtime.listeners.acquire(event.revision.spec.listen) : ok([])
      if (!bound.ok) return bound
    }
    emit(service, ...answer.value)
    return ok(true)
  }

  /** The service's runtime, made if it is a new one; its listeners are open afterwards. */
  function open(spec: ServiceSpec): Result<{ runtime: ServiceRuntime; release: string }> {
    const release = world.releases.resolve(spec)
    if (!release.ok) return release
    const known = runtimes.get(spec.name)
    if (!known) {
      // A program that is not there is found out by the rollout of a running service, which then undoes
      // itself; a service that never ran is not begun.
      const runnable = world.processes.check(newRevision(spec, release.value, world.clock.now()))
      if (!runnable.ok) return failed('Usage', runnable.failure.message)
    }
    const runtime = known ?? newRuntime(initialState(spec.name), listenerTable(world.sockets))
    const bound = runtime.listeners.acquire(spec.listen)
    if (!bound.ok) return bound
    runtimes.set(spec.name, runtime)
    return ok({ runtime, release: release.value })
  }

  function admit(specs: ServiceSpec[]): Result<true> {
    const added: string[] = []
    for (const spec of specs) {
      const isNew = !runtimes.has(spec.name)
      const opened = open(spec)
      if (isNew && opened.ok) added.push(spec.name)
      if (opened.ok) continue
      for (const name of added) forget(name)
      return opened
    }
    return ok(true)
  }

  function forget(name: string): void {
    runtimes.get(name)?.cancelWake?.()
    runtimes.get(name)?.listeners.retain([])
    runtimes.delete(name)
  }

  function apply(spec: ServiceSpec, cause: string): Result<true> {
    const opened = open(spec)
    if (!opened.ok) return opened
    const { runtime, release } = opened.value
    const answer = command(spec.name, { type: 'Upgrade', revision: { spec, release }, cause })
    if (!answer.ok) runtime.listeners.retain(wantedListeners(runtime.state))
    return answer
  }

  const view = (runtime: ServiceRuntime): ServiceView => ({
    state: runtime.state,
    waiting: runtime.waiting,
    listeners: runtime.listeners.all().map(({ name, spec, address }) => ({ name, spec, address })),
    texts: runtime.texts,
    receipt: currentReceipt(runtime),
  })

  return {
    command,
    admit,
    apply,
    remove: forget,
    services: () => [...runtimes.values()].map(view),
    service: (name) => {
      const runtime = runtimes.get(name)
      return runtime && view(runtime)
    },
    history: (name) => {
      const runtime = runtimes.get(name)
      return runtime ? historyOf(runtime) : []
    },
    explain: (name) => {
      const runtime = runtimes.get(name)
      return runtime ? explain(runtime.state, world.clock.now()) : []
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    killAll() {
      for (const { state } of runtimes.values())
        for (const { id } of state.instances) world.processes.kill(id)
    },
    close() {
      closed = true
      for (const runtime of runtimes.values()) {
        runtime.cancelWake?.()
        runtime.listeners.retain([])
      }
      world.journal.close()
    },
  }
}

const newRevision = (spec: ServiceSpec, release: string, now: number): Revision => ({
  number: 0,
  spec,
  release,
  createdAt: now,
  cause: 'start',
})
