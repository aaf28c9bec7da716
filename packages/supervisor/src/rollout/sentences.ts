import type { EventOf, Failure, Instance } from '../model/index.js'
import { describeExit, describeMemory } from '../model/index.js'

/** How an instance failed, in one sentence each; and figures as a person says them. */

export function exitFailure(instance: Instance, event: EventOf<'InstanceExited'>): Failure {
  const wasReady = instance.state === 'ready' || instance.state === 'unready'
  const when = wasReady ? 'after it was ready' : 'before it was ready'
  const message = `${named(instance)} ${describeExit(event.exit)} ${when}, ${afterStart(instance, event.at)}`
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

/** Milliseconds as seconds, finer the shorter they are: `0.02 s`, `0.2 s`, `5.4 s`, `58 s`. */
export function seconds(ms: number): string {
  const step = ms < 995 ? 10 : ms < 9_950 ? 100 : 1000
  return `${(Math.round(ms / step) * step) / 1000} s`
}

/** `web-1`, `web-1 and web-2`, `web-1, web-2 and web-3`. */
export function listed(words: string[]): string {
  if (words.length <= 1) return words.join('')
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

/** `1 instance`, `2 instances`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
