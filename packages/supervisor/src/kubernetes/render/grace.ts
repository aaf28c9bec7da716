import type { JsonObject } from '../../model/index.js'
import type { KubernetesService } from './order.js'
import type { KubernetesVersion } from './version.js'
import { has } from './version.js'
import { fieldOf, isObject, textOf } from './json.js'

/** The parts of a pod's terminationGracePeriodSeconds, all in seconds. */
export interface Grace {
  /** The preStop hook, which runs before SIGTERM but within the grace period. */
  preStop: number
  /** Time for which the library accepts connections after SIGTERM. */
  delay: number
  drain: number
  hooks: number
  margin: number
  /** The sum, rounded up, or the configured value. */
  total: number
  /** The configured value. Null if there is none. */
  given: number | null
}

/** Time for runtime and kubelet to notice the end of the program and remove the container. */
const marginSeconds = 5
/** Smallest margin of a configured grace period: kubelet counts whole seconds, and the library exits within one. */
export const leastMarginSeconds = 2

/**
 * preStop + delay + drain + hooks + margin. With a delay of 5 s by the sleep action and a drain of 29 s:
 * 5 + 0 + 29 + 0 + 5 = 39. Kubernetes counts the preStop hook into the grace period (container lifecycle hooks).
 */
export function graceOf({ spec, kubernetes }: KubernetesService, version: KubernetesVersion): Grace {
  const { seconds: preStop, certain } = preStopOf(kubernetes.container, kubernetes.drain, version)
  const delay = certain ? Math.max(0, kubernetes.drain.delaySeconds - preStop) : kubernetes.drain.delaySeconds
  // The library needs some time after its delay, even if timeoutSeconds is 0.
  const drain = Math.max(1, spec.drain.timeoutSeconds)
  const hooks = kubernetes.drain.hooksSeconds
  const given = kubernetes.terminationGracePeriodSeconds
  const derived = Math.ceil(preStop + delay + drain + hooks) + marginSeconds
  return {
    preStop,
    delay,
    drain,
    hooks,
    margin: marginSeconds,
    total: given === undefined ? derived : Math.ceil(given),
    given: given ?? null,
  }
}

export const neededOf = ({ preStop, delay, drain, hooks }: Grace): number => preStop + delay + drain + hooks

export function describeGrace(grace: Grace): string {
  const { preStop, delay, drain, hooks, margin, total, given } = grace
  const parts = `preStop ${preStop} + drain delay ${delay} + drain ${drain} + hooks ${hooks}`
  return given === null
    ? `${parts} + margin ${margin} = ${total} s`
    : `as configured; needed: ${parts} = ${neededOf(grace)} s`
}

export interface PreStop {
  /** Null if there is none. */
  hook: JsonObject | null
  seconds: number
  /** Whether it certainly takes `seconds`: an exec of a program that the image lacks does not. */
  certain: boolean
}

/** The configured preStop hook, or one that waits for `delaySeconds` unless the library does. */
export function preStopOf(
  { lifecycle }: JsonObject,
  { delaySeconds, delayBy, preStopSeconds }: KubernetesService['kubernetes']['drain'],
  version: KubernetesVersion,
): PreStop {
  const own = fieldOf(lifecycle, 'preStop')
  if (isObject(own)) {
    const slept = fieldOf(own['sleep'], 'seconds')
    if (typeof slept === 'number') return { hook: own, seconds: slept, certain: true }
    return { hook: own, seconds: execSleep(own) ?? preStopSeconds ?? 0, certain: false }
  }
  const seconds = Math.ceil(delaySeconds)
  if (seconds === 0 || delayBy === 'library') return { hook: null, seconds: 0, certain: true }
  if (has(version, 'sleepAction')) return { hook: { sleep: { seconds } }, seconds, certain: true }
  return { hook: { exec: { command: ['sleep', String(seconds)] } }, seconds, certain: false }
}

/** Seconds of `sleep N`, also through a shell. Null for another command, whose time is unknown. */
export function execSleep(hook: JsonObject): number | null {
  const command = fieldOf(hook['exec'], 'command')
  const line = Array.isArray(command) ? command.map((word) => textOf(word)).join(' ') : ''
  const seconds = /^(?:\S*\/)?(?:(?:ba|da)?sh -c )?(?:\S*\/)?sleep (\d+(?:\.\d+)?)s?$/.exec(line)?.[1]
  return seconds === undefined ? null : Number(seconds)
}
