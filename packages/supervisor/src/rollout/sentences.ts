import type { EventOf, Failure, Instance } from '../model/index.js'
import { describeExit, describeMemory } from '../model/index.js'
import { listed, seconds } from '../model/text.js'

/** How an instance failed, in one sentence each. */

export function exitFailure(instance: Instance, event: EventOf<'InstanceExited'>): Failure {
  const wasReady = instance.state === 'ready' || instance.state === 'unready'
  const when = wasReady ? 'after it was ready' : 'before it was ready'
  const cause = event.cause === undefined ? '' : `: ${event.cause}`
  const message = `${named(instance)} ${describeExit(event.exit)} ${when}, ${afterStart(instance, event.at)}${cause}`
  return { code: wasReady ? 'Crashed' : 'ExitedBeforeReady', message, output: event.output }
}

export const probeFailure = (instance: Instance, event: EventOf<'InstanceProbeFailed'>): Failure => ({
  code: 'ProbeFailed',
  message: `${named(instance)} failed its ${event.probe} probe, ${afterStart(instance, event.at)}: ${event.reason}`,
})

export const memoryFailure = (instance: Instance, event: EventOf<'InstanceExceededMemory'>): Failure => ({
  code: 'MemoryExceeded',
  message: `${named(instance)} ${describeMemory(event)}, ${afterStart(instance, event.at)}`,
})

export const startFailure = (instance: Instance, failure: Failure): Failure => ({
  ...failure,
  message: `${named(instance)} could not be started: ${failure.message}`,
})

export const named = (instance: Instance): string => `${instance.id} of revision ${instance.revision}`

export const afterStart = (instance: Instance, now: number): string =>
  `${seconds(now - instance.startedAt)} after its start`

/** What an instance that is not ready yet listens on and waits for, as clauses. Empty if nothing is known. */
export function progressOf(instance: Instance): string[] {
  if (instance.state !== 'starting' || instance.progress === undefined) return []
  const { listening, unasked, waitsFor } = instance.progress
  return [
    ...(listening === null
      ? []
      : [listening.length === 0 ? 'it listens nowhere' : `it listens on ${listed(listening)}`]),
    ...(unasked.length === 0 ? [] : [`no server has asked for ${listed(unasked)}`]),
    ...(waitsFor.length === 0 ? [] : [`it waits for ${listed(waitsFor)}`]),
  ]
}

/** Whether an instance that was ready leaves new connections to others, as a clause. */
export function acceptingOf(instance: Instance, someReady: boolean): string {
  const accepting = instance.state === 'unready' ? instance.accepting : undefined
  if (!someReady) return 'no instance is ready, so it accepts new connections'
  if (instance.steered) return 'it gets no new connections while another instance is ready'
  if (accepting === false) return 'it accepts no new connections while another instance is ready'
  return accepting
    ? 'it still accepts new connections: it cannot stop without koffi'
    : 'it may still accept new connections'
}
