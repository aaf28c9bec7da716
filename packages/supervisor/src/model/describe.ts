import type { Event } from './event.js'
import type { Failure } from './failure.js'
import type { Exit } from './instance.js'
import type { SeenConnections } from './receipt.js'
import { counted } from './text.js'

/** How a process ended, as a clause: `exited with code 1`, `was killed by SIGKILL`. */
export function describeExit({ code, signal }: Exit): string {
  if (signal !== null) return `was killed by ${signal}`
  return code === null ? 'exited with an unknown code' : `exited with code ${code}`
}

/** How far a process group is above its limit, as a clause: `uses 312.4 MiB, more than maxMemory (300 MiB)`. */
export const describeMemory = (memory: { usedBytes: number; limitBytes: number }): string =>
  `uses ${mebibytes(memory.usedBytes)}, more than maxMemory (${mebibytes(memory.limitBytes)})`

/** `300 MiB`, `312.4 MiB`. */
export const mebibytes = (bytes: number): string => `${Math.round((bytes / 2 ** 20) * 10) / 10} MiB`

/** What the kernel showed of an instance's connections, as a clause: `2 of its 5 connections owe an answer`. */
export const describeSeen = ({ owing, idle }: SeenConnections): string =>
  owing === 0
    ? `none of its ${counted(idle, 'connection')} owes an answer`
    : `${owing} of its ${counted(owing + idle, 'connection')} ${owing === 1 ? 'owes' : 'owe'} an answer`

/** An event as a line of the log. Null if no person needs to read it. */
export function describeEvent(event: Event): string | null {
  const { service } = event
  switch (event.type) {
    case 'RolloutStarted':
      return event.from === null
        ? `${service}: starting revision ${event.to}`
        : `${service}: rolling from revision ${event.from} to ${event.to} (${event.cause})`
    case 'RolloutPaused':
      return `${service}: paused`
    case 'RolloutResumed':
      return `${service}: resumed`
    case 'ServiceScaled':
      return `${service}: scaled to ${event.replicas}`
    case 'ServiceStopping':
      return `${service}: stopping`
    case 'ServiceStopped':
      return `${service}: stopped`
    case 'InstanceStarted':
      return `${event.instance}: started, pid ${event.pid}`
    case 'InstanceStartFailed':
      return `${event.instance}: could not be started: ${event.failure.message}`
    case 'InstanceExecuting':
      return `${event.instance}: replacing its program in place with revision ${event.revision}`
    case 'InstanceExecuted':
      return `${event.instance}: running its new program`
    case 'InstanceExecFailed':
      return `${event.instance}: still running its old program: ${event.failure.message}`
    case 'InstanceBecameReady':
      return `${event.instance}: ready`
    case 'InstanceBecameUnready':
      return `${event.instance}: not ready: ${event.reason}`
    case 'InstanceAccepting':
      return event.accepting
        ? `${event.instance}: accepting new connections again`
        : `${event.instance}: leaving new connections to the other instances`
    case 'InstanceProbeFailed':
      return `${event.instance}: ${event.probe} probe failed: ${event.reason}`
    case 'InstanceExceededMemory':
      return `${event.instance}: ${describeMemory(event)}`
    case 'InstanceDraining':
      return `${event.instance}: draining (${event.reason})`
    case 'InstanceSignalled':
      return `${event.instance}: told to stop, ${describeSeen(event.connections)}`
    case 'InstanceKilled':
      return `${event.instance}: SIGKILL at the end of its grace period`
    case 'InstanceDrained':
      return event.cut.length === 0
        ? `${event.instance}: drained`
        : `${event.instance}: drained, cut at the deadline: ${event.cut.join(', ')}`
    case 'InstanceExited':
      return `${event.instance}: ${describeExit(event.exit)}`
    case 'RolloutCompleted':
      return `${service}: rollout complete`
    case 'RolloutFailed':
      return `${service}: rollout failed: ${event.failure.message}${event.rollingBack ? '; rolling back' : ''}`
    case 'RolloutRolledBack':
      return `${service}: rolled back`
    case 'ServiceRestored':
      return `${service}: continuing with revision ${event.state.target}, ${event.state.instances.length} instances`
    case 'RevisionCreated':
    case 'RolloutAccounted':
    case 'InstanceStarting':
    case 'InstanceProgressed':
    case 'InstanceStatus':
    case 'InstanceAccount':
    case 'InstanceStoppedAccepting':
      return null
    case 'ListenersChanged':
      return event.note === undefined ? null : `${service}: ${event.note}`
  }
}

/** The failure of a command that names a service which does not exist. `known`: the names of those that do. */
export function unknownService(name: string, known: string[]): Failure {
  const names = known.map((service) => `"${service}"`).join(', ')
  const expected = known.length > 1 ? `one of ${names}` : names
  const hint = known.length === 0 ? ': there are no services' : `, wanted ${expected}`
  return { code: 'Usage', message: `service "${name}" does not exist${hint}` }
}
