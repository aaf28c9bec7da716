import type { Command, EventBody, Result, Revision, ServiceSpec } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { accept, initialState } from '../rollout/index.js'
import type { World } from '../ports.js'
import { listenerTable } from './listeners.js'
import type { Loop } from './loop.js'
import type { ServiceRuntime } from './runtime.js'
import { newRuntime, wantedListeners } from './runtime.js'

/** How services come, are told what to do, and go. Each answer is a refusal, or what follows has begun. */
export interface Services {
  admit(specs: ServiceSpec[]): Result<true>
  apply(spec: ServiceSpec, cause: string): Result<true>
  command(service: string, command: Command): Result<true>
  forget(service: string): void
}

export function services(world: World, { runtimes, emit }: Loop): Services {
  /** The service's runtime, made if it is a new one; its listeners are open afterwards. */
  function open(spec: ServiceSpec): Result<{ release: string; runtime: ServiceRuntime }> {
    const release = world.releases.resolve(spec)
    if (!release.ok) return release
    const known = runtimes.get(spec.name)
    if (!known || known.state.stopped) {
      // A program that is not there is found out by the rollout of a running service, which then undoes
      // itself; a service that does not run is not begun.
      const runnable = world.processes.check(newRevision(spec, release.value, world.clock.now()))
      if (!runnable.ok) return failed('Usage', `service "${spec.name}": ${runnable.failure.message}`)
    }
    const runtime = known ?? newRuntime(initialState(spec.name), listenerTable(world.sockets))
    const opened = runtime.listeners.acquire(spec.listen)
    if (!opened.ok) return opened
    runtimes.set(spec.name, runtime)
    return ok({ release: release.value, runtime })
  }

  function command(service: string, asked: Command): Result<true> {
    const runtime = runtimes.get(service)
    if (!runtime) return failed('Usage', `service "${service}" is not known here`)
    const answer = accept(runtime.state, asked, world.clock.now())
    if (!answer.ok) return answer
    // An undone upgrade may need a listener again that the newer revision gave up.
    for (const event of answer.value) {
      if (event.type !== 'RevisionCreated') continue
      const opened = runtime.listeners.acquire(event.revision.spec.listen)
      if (!opened.ok) return opened
    }
    emit(service, ...listenersChanged(runtime), ...answer.value)
    return ok(true)
  }

  function apply(spec: ServiceSpec, cause: string): Result<true> {
    const opened = open(spec)
    if (!opened.ok) return opened
    const { release, runtime } = opened.value
    const answer = command(spec.name, { type: 'Upgrade', revision: { spec, release }, cause })
    if (!answer.ok) runtime.listeners.retain(wantedListeners(runtime.state)) // those that it alone wanted
    return answer
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
