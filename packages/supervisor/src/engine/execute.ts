import type { Action, EventBody, Failure, Instance, Revision, ServiceState } from '../model/index.js'
import type { LaunchedProcess, ProcessObserver, World } from '../ports.js'
import type { ServiceRuntime } from './runtime.js'
import { watchMemory } from './memory.js'
import { watchReadiness } from './readiness.js'

type Emit = (service: string, ...events: EventBody[]) => void

/**
 * Turns an action into calls of the ports. Its intent is journaled already; what comes of it is emitted.
 * Nothing is decided here.
 */
export function executor(world: World, emit: Emit): (runtime: ServiceRuntime, action: Action) => void {
  return (runtime, action) => {
    switch (action.type) {
      case 'StartInstance':
        void start(world, emit, runtime, action)
        return
      case 'DrainInstance':
        runtime.watches.get(action.instance)?.stop()
        runtime.watches.delete(action.instance)
        world.processes.drain(action.instance)
        return
      case 'ExecInstance':
        return exec(world, emit, runtime, action)
      case 'KillInstance':
        world.processes.kill(action.instance)
        return
      case 'CompleteRollout':
      case 'FailRollout':
      case 'FinishRollback':
      case 'FinishStop':
        return // the journaled intent is all there is to it
    }
  }
}

/**
 * Keeps every draining instance informed of who takes its connections: as long as it has some, successors may
 * come and go.
 */
export function nameSuccessors(world: World, { state }: ServiceRuntime): void {
  const successors = successorIds(state)
  for (const { id, state: now } of state.instances) {
    if (now === 'draining') world.processes.setSuccessors(id, successors)
  }
}

/**
 * Ready instances of the revision that is wanted; while there are none of it, those of any other. Not one that
 * has failed its liveness probe and serves until its replacement is there.
 */
function successorIds({ instances, target }: ServiceState): string[] {
  const ready = instances.filter(({ state, failure }) => state === 'ready' && failure === null)
  const wanted = ready.filter(({ revision }) => revision === target)
  return (wanted.length > 0 ? wanted : ready).map(({ id }) => id)
}

async function start(
  world: World,
  emit: Emit,
  runtime: ServiceRuntime,
  action: Extract<Action, { type: 'StartInstance' }>,
): Promise<void> {
  const { instance } = action
  const report = (event: EventBody) => emit(runtime.state.name, event)
  const revision = revisionOf(runtime, action.revision)
  const runnable = world.processes.check(revision)
  if (!runnable.ok) return report({ type: 'InstanceStartFailed', instance, failure: runnable.failure })
  const listeners = runtime.listeners.of(revision.spec.listen)
  const observer = observe(world, runtime, instance, report)
  const launched = await world.processes.launch({ instance, revision, listeners }, observer)
  if (!launched.ok) return report({ type: 'InstanceStartFailed', instance, failure: launched.failure })

  const { pid, startTime } = launched.value
  report({ type: 'InstanceStarted', instance, pid, startTime })
  const known = runtime.state.instances.find(({ id }) => id === instance)
  if (known) goOn(world, runtime, known, launched.value, runnable.value.speaks, report)
}

/** Its probes rest until the new program runs. */
function exec(
  world: World,
  emit: Emit,
  runtime: ServiceRuntime,
  { instance, revision: number }: Extract<Action, { type: 'ExecInstance' }>,
): void {
  runtime.watches.get(instance)?.stop()
  runtime.watches.delete(instance)
  const revision = revisionOf(runtime, number)
  const runnable = world.processes.check(revision)
  const listeners = runtime.listeners.of(revision.spec.listen)
  const asked = runnable.ok ? world.processes.exec({ instance, revision, listeners }) : runnable
  if (asked.ok) return
  const failure: Failure = { code: 'ExecFailed', message: `${instance}: ${asked.failure.message}` }
  emit(runtime.state.name, { type: 'InstanceExecFailed', instance, failure, refused: runnable.ok })
  watchAgain(world, runtime, instance, (event) => emit(runtime.state.name, event))
}

/** Goes on watching an instance whose process is the same, in whatever state it is now. */
function watchAgain(
  world: World,
  runtime: ServiceRuntime,
  id: string,
  report: (event: EventBody) => void,
): void {
  const instance = runtime.state.instances.find((candidate) => candidate.id === id)
  const process = world.processes.launched(id)
  if (!instance || !process || instance.state === 'draining') return
  runtime.watches.get(id)?.stop()
  goOn(world, runtime, instance, process, true, report)
}

/** Watches a process that is there, in whatever state its instance is. `speaks`: see `Processes.check`. */
export function goOn(
  world: World,
  runtime: ServiceRuntime,
  instance: Instance,
  { pid, probeDir }: LaunchedProcess,
  speaks: boolean,
  report: (event: EventBody) => void,
): void {
  const { id, state } = instance
  if (state === 'draining') return world.processes.drain(id) // asked for while it was being started
  if (state === 'crashed') return
  const { spec } = revisionOf(runtime, instance.revision)
  const readiness = watchReadiness({
    target: { instance: id, pid, listeners: runtime.listeners.of(spec.listen), probeDir },
    spec,
    speaks,
    wasReady: state === 'ready',
    prober: world.prober,
    report,
  })
  const stopMemory = watchMemory(world, runtime, { instance: id, pid, limitBytes: spec.maxMemory }, report)
  runtime.watches.set(id, {
    said: () => readiness.said(),
    stop() {
      readiness.stop()
      stopMemory()
    },
  })
}

export function revisionOf({ state }: ServiceRuntime, wanted: number): Revision {
  const revision = state.revisions.find(({ number }) => number === wanted)
  if (!revision) throw new Error(`revision ${wanted} of ${state.name} is not recorded`)
  return revision
}

/** What the process tells becomes events. */
export function observe(
  world: World,
  runtime: ServiceRuntime,
  instance: string,
  report: (event: EventBody) => void,
): ProcessObserver {
  return {
    ready: () => runtime.watches.get(instance)?.said(),
    status: (text) => report({ type: 'InstanceStatus', instance, text }),
    unhealthy: (reason) => report({ type: 'InstanceProbeFailed', instance, probe: 'liveness', reason }),
    account: (account) => report({ type: 'InstanceAccount', instance, account }),
    stoppedAccepting: () => report({ type: 'InstanceStoppedAccepting', instance }),
    drained: (account, cut) => report({ type: 'InstanceDrained', instance, account, cut }),
    executed() {
      report({ type: 'InstanceExecuted', instance })
      watchAgain(world, runtime, instance, report)
    },
    execFailed(message, refused) {
      const failure: Failure = { code: 'ExecFailed', message: `${instance}: ${message}` }
      report({ type: 'InstanceExecFailed', instance, failure, refused })
      watchAgain(world, runtime, instance, report)
    },
    exited(exit, output) {
      runtime.watches.get(instance)?.stop()
      runtime.watches.delete(instance)
      report({ type: 'InstanceExited', instance, exit, output })
    },
  }
}
