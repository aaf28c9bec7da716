import type { JsonObject } from '../../model/index.js'
import type { KubernetesService } from './order.js'
import type { KubernetesVersion } from './version.js'
import { has } from './version.js'
import { fieldOf, isObject, textOf } from './json.js'

/** What a pod's terminationGracePeriodSeconds is made of; all in seconds. */
export interface Grace {
  /** The preStop hook: SIGTERM comes after it, and the grace period has begun before it. */
  preStop: number
  /** The library goes on accepting after SIGTERM. */
  delay: number
  drain: number
  hooks: number
  margin: number
  /** The sum in whole seconds, or what the configuration gives instead. */
  total: number
  /** What the configuration gives. */
  given: number | null
}

/** From the end of the program until the container is gone: the runtime and kubelet must take notice. */
const marginSeconds = 5
/** What even a given grace period must have left: kubelet counts whole seconds, and the library exits within one. */
export const leastMarginSeconds = 2

/**
 * preStop + delay + drain + hooks + margin. With a delay of 5 s by the sleep action and a drain of 29 s:
 * 5 + 0 + 29 + 0 + 5 = 39. Kubernetes counts the preStop hook into the grace period (container lifecycle hooks).
 */
export function graceOf({ spec, kubernetes }: KubernetesService, version: KubernetesVersion): Grace {
  const { seconds: preStop, certain } = preStopOf(kubernetes.container, kubernetes.drain, version)
  const delay = certain ? Math.max(0, kubernetes.drain.delaySeconds - preStop) : kubernetes.drain.delaySeconds
  // The library wants some time behind its delay, also where on one machine there need be none.
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
    : `as given; ${parts} = ${neededOf(grace)} s of it are needed`
}

export interface PreStop {
  /** Null: none. */
  hook: JsonObject | null
  seconds: number
  /** Whether it surely waited so long once SIGTERM comes: an exec of a program that the image lacks does not. */
  certain: boolean
}

/** The preStop hook of the configuration, or one that waits for `delaySeconds` where nobody else does. */
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

/** Seconds of `sleep N`, also by a shell; null where it cannot be seen how long a hook takes. */
export function execSleep(hook: JsonObject): number | null {
  const command = fieldOf(hook['exec'], 'command')
  const line = Array.isArray(command) ? command.map((word) => textOf(word)).join(' ') : ''
  const seconds = /^(?:\S*\/)?(?:(?:ba|da)?sh -c )?(?:\S*\/)?sleep (\d+(?:\.\d+)?)s?$/.exec(line)?.[1]
  return seconds === undefined ? null : Number(seconds)
}
