import { describeGrace, graceOf, preStopOf } from './grace.js'
import type { Comment, KubernetesObject, KubernetesOrder, KubernetesService } from './order.js'
import { probesOf } from './probes.js'

/** Comments that explain fields of the Deployments. */
export const commentsOf = (order: KubernetesOrder, objects: KubernetesObject[]): Comment[] =>
  order.services.flatMap((service) => {
    const object = objects.findIndex(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name === service.spec.name,
    )
    return reasons(service, order).map(([path, text]) => ({ object, path, text }))
  })

type Reason = [(string | number)[], string]

function reasons(service: KubernetesService, { version }: KubernetesOrder): Reason[] {
  const pod = ['spec', 'template', 'spec']
  const container = [...pod, 'containers', 0]
  const { kubernetes } = service
  const { hook } = preStopOf(kubernetes.container, kubernetes.drain, version)
  const numeric = kubernetes.securityContext['runAsUser'] !== undefined || service.spec.user !== undefined
  return [
    [[...pod, 'terminationGracePeriodSeconds'], describeGrace(graceOf(service, version))],
    ...(numeric ? [] : [[[...pod, 'securityContext', 'runAsNonRoot'], nonRoot] satisfies Reason]),
    ...(hook === null ? [] : [[[...container, 'lifecycle', 'preStop'], preStop] satisfies Reason]),
    ...(probesOf(service).derivedStartup ? [[[...container, 'startupProbe'], startup] satisfies Reason] : []),
  ]
}

const nonRoot = 'the USER of the image must be a number, such as 1000'
const preStop = 'endpoints are withdrawn meanwhile, and new connections are still served'
const startup = 'the other probes start once it succeeds: a slow start has progressDeadlineSeconds'
