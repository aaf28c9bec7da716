import type {
  Action,
  EventBody,
  Failure,
  Instance,
  Revision,
  ServiceSpec,
  ServiceState,
  SharedListener,
} from '../model/index.js'
import { stopSignalOf } from '../model/index.js'
import type { LaunchedProcess, Listener, ProcessObserver, World } from '../ports.js'
import { closeBeforeDrain, discover, noteAdopted, usedFirst } from './discovery.js'
import { findWanted } from './wanted.js'
import type { ServiceRuntime } from './runtime.js'
import { addressCause } from './explain-address.js'
import { watchMemory } from './memory.js'
import { watchReadiness } from './readiness.js'

type Emit = (service: string, ...events: EventBody[]) => void

/**
 * Carries out actions by calling the ports. The intent of each is already journaled; its outcome is emitted as
 * events. Decides nothing.
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
        closeBeforeDrain(world, runtime, (event) => emit(runtime.state.name, event))
        return drain(world, runtime, action.instance)
      case 'ExecInstance':
        return exec(world, emit, runtime, action)
      case 'KillInstance':
        world.processes.kill(action.instance)
        return
      case 'CompleteRollout':
      case 'FailRollout':
      case 'FinishRollback':
      case 'FinishStop':
        return // The journaled intent is their only effect.
    }
  }
}

/** Sends every draining instance its current successors, which can change while it drains. */
export function updateSuccessors(world: World, { state }: ServiceRuntime): void {
  const successors = successorIds(state)
  for (const { id, state: now } of state.instances) {
    if (now === 'draining') world.processes.setSuccessors(id, successors)
  }
}

/**
 * An instance that has become unready leaves new connections to those that are ready. If none is, all accept: a queue
 * that no process empties is worse than an answer of an unready one. An instance that starts waits until it is ready:
 * there is a queue, but nobody has been refused. If its probes may use the queue, it accepts when it says that it is
 * ready, unless others are. One that has a socket of its own always accepts once it was ready: it is steered away, and
 * the queue is empty then.
 */
export function updateAccepting(world: World, { state, listeners }: ServiceRuntime): void {
  const someReady = state.instances.some((instance) => instance.state === 'ready')
  for (const instance of state.instances) {
    const accepting = acceptingOf(state, instance, someReady)
    if (accepting !== null)
      world.processes.setAccepting(
        instance.id,
        accepting || (instance.state === 'unready' && listeners.hasOwn(instance.id)),
      )
  }
}

/** Null: it is not told anything. */
function acceptingOf(state: ServiceState, instance: Instance, someReady: boolean): boolean | null {
  if (instance.state === 'ready') return true
  if (instance.state === 'unready') return !someReady
  if (instance.state !== 'starting' || instance.replacing !== undefined) return null
  const spec = state.revisions.find(({ number }) => number === instance.revision)?.spec
  if (spec === undefined || acceptsWhen(spec) === 'ready') return null
  return mayProbeTheQueue(spec) && !someReady && instance.progress?.reported === true
}

/** An instance without such probes knows itself when it is ready. */
const acceptsWhen = ({ readinessProbe, startupProbe }: ServiceSpec): 'ready' | 'told' =>
  readinessProbe || startupProbe ? 'told' : 'ready'

/** A command, or a host of its own, may lead to the shared listener instead of the instance's own probe socket. */
const mayProbeTheQueue = ({ readinessProbe, startupProbe, livenessProbe }: ServiceSpec): boolean =>
  [readinessProbe, startupProbe, livenessProbe].some(
    (probe) =>
      probe?.handler.type === 'exec' ||
      (probe && 'host' in probe.handler && probe.handler.host !== undefined),
  )

/**
 * Ready instances of the target revision or, if it has none, of any other. An instance that itself needs to be
 * replaced is never a successor.
 */
function successorIds({ instances, target }: ServiceState): string[] {
  const ready = instances.filter(({ state, failure }) => state === 'ready' && failure === null)
  const ofTarget = ready.filter(({ revision }) => revision === target)
  return (ofTarget.length > 0 ? ofTarget : ready).map(({ id }) => id)
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
  const listeners = assignListeners(runtime, instance, revision, runnable.value.hasLibrary, report)
  const observer = observe(world, runtime, instance, report)
  const accept = acceptsWhen(revision.spec)
  const order = { instance, revision, listeners, ...discovery(runtime, revision), accept }
  const launched = await world.processes.launch(order, observer)
  if (!launched.ok) return report({ type: 'InstanceStartFailed', instance, failure: launched.failure })

  const { pid, startTime } = launched.value
  const shares = runnable.value.hasLibrary ? [] : sharedListeners(runtime, instance, revision)
  const steered = isSteered(runtime, instance, revision) && { steered: true as const }
  report({
    type: 'InstanceStarted',
    instance,
    pid,
    startTime,
    ...(shares.length > 0 && { shares }),
    ...steered,
  })
  const started = runtime.state.instances.find(({ id }) => id === instance)
  if (started) watchInstance(world, runtime, started, launched.value, runnable.value.hasLibrary, report)
}

/** Before the first instance was ever ready, nothing is known of what the application listens on. */
function discovery({ state }: ServiceRuntime, { spec }: Revision): { discover?: 'new' | 'known' } {
  if (spec.discover === false) return {}
  return { discover: state.stable === null && state.listeners.length === 0 ? 'new' : 'known' }
}

/** Gives an instance without the library TCP sockets of its own, so that it can be drained from outside. */
function assignListeners(
  runtime: ServiceRuntime,
  instance: string,
  { spec }: Revision,
  hasLibrary: boolean,
  report: (event: EventBody) => void,
): Listener[] {
  const { listeners, state } = runtime
  const sharing = spec.steer === false ? 'shared' : hasLibrary ? 'as others' : 'own'
  const assigned = listeners.assign(spec, instance, state, sharing)
  listeners.steer(state)
  const open = listeners.open()
  // Journaled before the process starts: the next supervisor recovers the sockets by their inodes.
  if (open.some(({ group }) => group)) report({ type: 'ListenersChanged', listeners: open })
  return assigned
}

/** Whether it has its own socket of each listener at which connections arrive. */
function isSteered({ listeners }: ServiceRuntime, instance: string, { spec }: Revision): boolean {
  const streams = listeners.of(spec, instance).filter(({ spec: { type } }) => type !== 'udp')
  return streams.length > 0 && streams.every(({ own }) => own !== undefined)
}

/** The listeners of which the instance has no socket of its own, so that it cannot be drained from outside. */
function sharedListeners(
  { listeners }: ServiceRuntime,
  instance: string,
  { spec }: Revision,
): SharedListener[] {
  return listeners.of(spec, instance).flatMap(({ name, spec: { type }, own }) => {
    if (type === 'udp' || own) return []
    const refusal = listeners.refusals(spec, instance).find(({ listener }) => listener === name)
    const kind = type === 'unix' ? 'a unix socket has one queue' : 'steer is false'
    return { listener: name, reason: refusal?.reason ?? kind }
  })
}

/** The signal is that of the revision whose program runs, also after an exec in place. */
function drain(world: World, { state, listeners }: ServiceRuntime, id: string): void {
  const instance = state.instances.find((candidate) => candidate.id === id)
  if (!instance) return
  const { spec } = revisionOf({ state }, instance.revision)
  // A hung instance neither accepts nor answers: nothing to wait for.
  const atOnce = instance.state === 'draining' && instance.reason === 'liveness'
  world.processes.drain(id, {
    signal: stopSignalOf(spec),
    atOnce,
    leaving: listeners.leaving(spec, id),
  })
}

/** Probes and memory are not watched again until the new program runs or the attempt has failed. */
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
  const listeners = runtime.listeners.of(revision.spec)
  const order = { instance, revision, listeners, ...discovery(runtime, revision) }
  const requested = runnable.ok ? world.processes.exec(order) : runnable
  if (requested.ok) return
  const failure: Failure = { code: 'ExecFailed', message: `${instance}: ${requested.failure.message}` }
  emit(runtime.state.name, { type: 'InstanceExecFailed', instance, failure, refused: runnable.ok })
  resumeWatching(world, runtime, instance, (event) => emit(runtime.state.name, event))
}

/** Watches an instance again after it tried to replace its program. */
function resumeWatching(
  world: World,
  runtime: ServiceRuntime,
  id: string,
  report: (event: EventBody) => void,
): void {
  const instance = runtime.state.instances.find((candidate) => candidate.id === id)
  const process = world.processes.launched(id)
  if (!instance || !process || instance.state === 'draining') return
  runtime.watches.get(id)?.stop()
  watchInstance(world, runtime, instance, process, true, report)
}

/** Starts what the state of the instance requires: probes and memory watch, or draining. `hasLibrary`: see `Processes.check`. */
export function watchInstance(
  world: World,
  runtime: ServiceRuntime,
  instance: Instance,
  { pid, probeDir }: LaunchedProcess,
  hasLibrary: boolean,
  report: (event: EventBody) => void,
): void {
  const { id, state } = instance
  if (state === 'draining') return drain(world, runtime, id) // The plan drained it while it was being started.
  if (state === 'crashed') return
  const { spec } = revisionOf(runtime, instance.revision)
  const readiness = watchReadiness({
    target: {
      ...{ instance: id, pid, probeDir },
      get listeners() {
        return usedFirst(runtime, id, runtime.listeners.of(spec, id))
      },
    },
    spec,
    hasLibrary,
    wasReady: state === 'ready',
    prober: world.prober,
    report,
  })
  const stopMemory = watchMemory(world, runtime, { instance: id, pid, limitBytes: spec.maxMemory }, report)
  runtime.watches.set(id, {
    reportedReady: () => readiness.reportedReady(),
    progressed: (progress) => readiness.progressed(progress),
    stop() {
      readiness.stop()
      stopMemory()
    },
  })
}

function revisionOf({ state }: Pick<ServiceRuntime, 'state'>, number: number): Revision {
  const revision = state.revisions.find((candidate) => candidate.number === number)
  if (!revision) throw new Error(`service "${state.name}" has no revision ${number}`)
  return revision
}

/** An observer that reports what happens to the process as events. */
export function observe(
  world: World,
  runtime: ServiceRuntime,
  instance: string,
  report: (event: EventBody) => void,
): ProcessObserver {
  let leaves = false
  return {
    ready: () => runtime.watches.get(instance)?.reportedReady(),
    status: (text) => report({ type: 'InstanceStatus', instance, text }),
    bound: (sockets) => discover(world, runtime, instance, sockets, report),
    wanted: (address, answer) => findWanted(world, runtime, instance, address, answer, report),
    adopted: (names) => noteAdopted(runtime, instance, names),
    unhealthy: (reason) => report({ type: 'InstanceProbeFailed', instance, probe: 'liveness', reason }),
    account: (account) => report({ type: 'InstanceAccount', instance, account }),
    signalled: (connections) => report({ type: 'InstanceSignalled', instance, connections }),
    progress: (progress) => runtime.watches.get(instance)?.progressed(progress),
    accepting(accepting) {
      const unready = runtime.state.instances.some(({ id, state }) => id === instance && state === 'unready')
      if (!unready && accepting && !leaves) return // it says so again to a new supervisor
      leaves = !accepting
      report({ type: 'InstanceAccepting', instance, accepting })
    },
    stoppedAccepting: () => report({ type: 'InstanceStoppedAccepting', instance }),
    drained: (account, cut) => report({ type: 'InstanceDrained', instance, account, cut }),
    executed() {
      runtime.uses.delete(instance)
      report({ type: 'InstanceExecuted', instance })
      resumeWatching(world, runtime, instance, report)
    },
    execFailed(message, refused) {
      const failure: Failure = { code: 'ExecFailed', message: `${instance}: ${message}` }
      report({ type: 'InstanceExecFailed', instance, failure, refused })
      resumeWatching(world, runtime, instance, report)
    },
    exited(exit, output, left) {
      runtime.watches.get(instance)?.stop()
      runtime.watches.delete(instance)
      runtime.uses.delete(instance)
      const exited = runtime.state.instances.find(({ id }) => id === instance)
      const cause = exited?.state === 'starting' ? addressCause(world, runtime, exited, output) : null
      report({
        ...{ type: 'InstanceExited', instance, exit, output },
        ...(cause !== null && { cause }),
        ...(left && { left }),
      })
    },
  }
}
