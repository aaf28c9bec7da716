import type { Command, EventBody, Result, Revision, ServiceSpec } from '../model/index.js'
import { failed, ok, unknownService } from '../model/index.js'
import { accept, initialState } from '../rollout/index.js'
import type { World } from '../ports.js'
import { listenerTable } from './listeners.js'
import type { Loop } from './loop.js'
import type { ServiceRuntime } from './runtime.js'
import { newRuntime, wantedListeners } from './runtime.js'

/** See `Engine`. A method that returns `ok` has already begun to act. */
export interface Services {
  admit(specs: ServiceSpec[]): Result<true>
  apply(spec: ServiceSpec, cause: string): Result<true>
  command(service: string, command: Command): Result<true>
  forget(service: string): void
}

export function services(world: World, { runtimes, emit }: Loop): Services {
  /** Opens the listeners of the spec, and creates the runtime of a new service. */
  function open(spec: ServiceSpec): Result<{ release: string; runtime: ServiceRuntime }> {
    const release = world.releases.resolve(spec)
    if (!release.ok) return release
    const known = runtimes.get(spec.name)
    if (!known || known.state.stopped) {
      // A service that does not run is not started if its program is missing. If it runs, the rollout fails and is
      // rolled back.
      const runnable = world.processes.check(newRevision(spec, release.value, world.clock.now()))
      if (!runnable.ok) return failed('Usage', `service "${spec.name}": ${runnable.failure.message}`)
    }
    const runtime = known ?? newRuntime(initialState(spec.name), listenerTable(world.sockets))
    const opened = runtime.listeners.acquire(spec.listen)
    if (!opened.ok) return opened
    if (spec.discover !== false) runtime.listeners.reclaim(runtime.orphans.splice(0))
    runtimes.set(spec.name, runtime)
    return ok({ release: release.value, runtime })
  }

  function command(service: string, command: Command): Result<true> {
    const runtime = runtimes.get(service)
    if (!runtime) return { ok: false, failure: unknownService(service, [...runtimes.keys()]) }
    const accepted = accept(runtime.state, command, world.clock.now())
    if (!accepted.ok) return accepted
    // An older revision may need a listener that the newer one does not have.
    for (const event of accepted.value) {
      if (event.type !== 'RevisionCreated') continue
      const opened = runtime.listeners.acquire(event.revision.spec.listen)
      if (!opened.ok) return opened
    }
    emit(service, ...listenersChanged(runtime), ...accepted.value)
    return ok(true)
  }

  function apply(spec: ServiceSpec, cause: string): Result<true> {
    const opened = open(spec)
    if (!opened.ok) return opened
    const { release, runtime } = opened.value
    const accepted = command(spec.name, { type: 'Upgrade', revision: { spec, release }, cause })
    if (!accepted.ok) runtime.listeners.retain(wantedListeners(runtime.state))
    return accepted
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
    const runtime = runtimes.get(name)
    runtime?.cancelWake?.()
    runtime?.cancelLook?.()
    runtime?.listeners.retain([])
    runtimes.delete(name)
  }

  return { admit, apply, command, forget }
}

function listenersChanged({ listeners, state }: ServiceRuntime): EventBody[] {
  const open = listeners.open()
  const same = JSON.stringify(open) === JSON.stringify(state.listeners)
  return same ? [] : [{ type: 'ListenersChanged', listeners: open }]
}

const newRevision = (spec: ServiceSpec, release: string, now: number): Revision => ({
  number: 0,
  spec,
  release,
  createdAt: now,
  cause: 'start',
})
