import { budgetProblems } from './check-budget.js'
import { metadataProblems } from './check-metadata.js'
import { portProblems } from './check-ports.js'
import { execSleep, graceOf, leastMarginSeconds, neededOf } from './grace.js'
import { fieldOf, isObject } from './json.js'
import type { KubernetesOrder, KubernetesService } from './order.js'
import { servicePorts } from './ports.js'
import { secretProblems } from './secrets.js'
import type { KubernetesVersion } from './version.js'
import { has, showVersion } from './version.js'

/** Reasons why the configuration cannot become manifests, a sentence each. */
export const problemsOf = (order: KubernetesOrder): string[] =>
  order.services.flatMap((service) => [
    ...metadataProblems(service, order),
    ...imageProblems(service),
    ...portProblems(service),
    ...replicaProblems(service),
    ...timeProblems(service, order.version),
    ...budgetProblems(service),
    ...ingressProblems(service),
    ...secretProblems(service),
  ])

const at = ({ spec }: KubernetesService, field: string): string =>
  `services.${spec.name}.kubernetes${field === '' ? '' : `.${field}`}`

function imageProblems(service: KubernetesService): string[] {
  const { image } = service.kubernetes
  if (image === undefined) return [`${at(service, '')} has no image, wanted "image", or --set image=…`]
  // Refuses only characters that no registry accepts.
  if (/^[a-z0-9]([-a-zA-Z0-9._/:@]*[a-zA-Z0-9])?$/i.test(image)) return []
  return [`${at(service, 'image')} is "${image}", wanted an image, such as registry.example/web:1.2.3`]
}

function replicaProblems(service: KubernetesService): string[] {
  const { replicas, autoscaling } = service.kubernetes
  if (autoscaling === undefined) {
    if (replicas !== null) return []
    return [
      `services.${service.spec.name}.replicas is "max", the processors of one machine, wanted kubernetes.replicas or kubernetes.autoscaling`,
    ]
  }
  const { minReplicas, maxReplicas } = autoscaling
  if (typeof maxReplicas !== 'number' || maxReplicas < 1)
    return [
      `${at(service, 'autoscaling.maxReplicas')} is ${JSON.stringify(maxReplicas) ?? 'missing'}, wanted the largest number of pods`,
    ]
  const least = typeof minReplicas === 'number' ? minReplicas : (replicas ?? 1)
  if (least <= maxReplicas) return []
  return [
    `${at(service, 'autoscaling.maxReplicas')} is ${maxReplicas}, wanted at least ${least}, the smallest number of pods`,
  ]
}

function timeProblems(service: KubernetesService, version: KubernetesVersion): string[] {
  const { minReadySeconds, progressDeadlineSeconds, container, drain } = service.kubernetes
  const problems: string[] = []
  if (Math.ceil(progressDeadlineSeconds) <= Math.ceil(minReadySeconds))
    problems.push(
      `${at(service, 'progressDeadlineSeconds')} is ${progressDeadlineSeconds}, wanted more than minReadySeconds, which is ${minReadySeconds}: otherwise every rollout fails`,
    )
  const own = fieldOf(container['lifecycle'], 'preStop')
  if (isObject(own)) {
    const slept = fieldOf(own['sleep'], 'seconds')
    if (slept !== undefined && !has(version, 'sleepAction'))
      problems.push(
        `${at(service, 'lifecycle.preStop')} has the sleep action, which Kubernetes ${showVersion(version)} does not have by default, wanted exec or version 1.30`,
      )
    if (slept === undefined && execSleep(own) === null && drain.preStopSeconds === undefined)
      problems.push(
        `${at(service, 'lifecycle.preStop')} takes an unknown time, wanted drain.preStopSeconds beside it: the grace period includes the hook`,
      )
  }
  const grace = graceOf(service, version)
  const least = Math.ceil(neededOf(grace)) + leastMarginSeconds
  if (grace.total < least)
    problems.push(
      `${at(service, 'terminationGracePeriodSeconds')} is ${grace.total}, wanted at least ${least}: preStop ${grace.preStop} + drain delay ${grace.delay} + drain ${grace.drain} + hooks ${grace.hooks} + ${leastMarginSeconds} s`,
    )
  return problems
}

function ingressProblems(service: KubernetesService): string[] {
  const { ingress } = service.kubernetes
  if (ingress === undefined || servicePorts(service).length > 0) return []
  return [`${at(service, 'ingress')} leads to no port, wanted a listener or kubernetes.service.ports`]
}
