import type { Event } from './event.js'
import type { Failure } from './failure.js'
import type { Exit } from './instance.js'

/** How a process ended, as a clause: `exited with code 1`, `was ended by SIGKILL`. */
export const describeExit = ({ code, signal }: Exit): string =>
  signal === null ? `exited with code ${code}` : `was ended by ${signal}`

/** How far a process group is above its limit, as a clause. */
export const describeMemory = (memory: { usedBytes: number; limitBytes: number }): string =>
  `has ${mebibytes(memory.usedBytes)} in memory, and maxMemory is ${mebibytes(memory.limitBytes)}`

/** `300 MiB`, `312.4 MiB`. */
export const mebibytes = (bytes: number): string => `${Math.round((bytes / 2 ** 20) * 10) / 10} MiB`

/** One event as one line of a log; null for those that only programs care for. */
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
      return `${event.instance}: replacing its program by revision ${event.revision}, in place`
    case 'InstanceExecuted':
      return `${event.instance}: runs its new program`
    case 'InstanceExecFailed':
      return `${event.instance}: goes on with the program that it had: ${event.failure.message}`
    case 'InstanceBecameReady':
      return `${event.instance}: ready`
    case 'InstanceBecameUnready':
      return `${event.instance}: not ready: ${event.reason}`
    case 'InstanceProbeFailed':
      return `${event.instance}: ${event.probe} probe failed: ${event.reason}`
    case 'InstanceExceededMemory':
      return `${event.instance}: ${describeMemory(event)}`
    case 'InstanceDraining':
      return `${event.instance}: draining (${event.reason})`
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
      return `${service}: going on with revision ${event.state.target}, ${event.state.instances.length} instances`
    case 'RevisionCreated':
    case 'RolloutAccounted':
    case 'InstanceStarting':
    case 'InstanceStatus':
    case 'InstanceAccount':
    case 'InstanceStoppedAccepting':
    case 'ListenersChanged':
      return null
  }
}

/** That there is no such service, and which there are. */
export function unknownService(name: string, known: string[]): Failure {
  const names = known.map((service) => `"${service}"`).join(', ') || 'no service at all'
  return { code: 'Usage', message: `service "${name}" is not known here; there is ${names}` }
}
