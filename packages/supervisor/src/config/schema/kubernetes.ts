import { z } from 'zod'
import type { Json } from '../../model/index.js'
import { command, count, fields, intOrPercent, seconds, text } from './common.js'

const json: z.ZodType<Json> = z.json()

/** An object of Kubernetes: the API server checks its fields, not this schema. */
const object = (description: string) =>
  z.record(z.string(), json, { error: "an object with Kubernetes' fields" }).meta({ description })

const list = (description: string) =>
  z
    .array(z.record(z.string(), json, { error: "an object with Kubernetes' fields" }), {
      error: 'a list, as in Kubernetes',
    })
    .meta({ description })

const texts = (description: string) =>
  z
    .record(z.string(), z.string({ error: 'a string' }), { error: 'an object of strings' })
    .meta({ description })

const wantedVariable = 'a string, a number, a boolean, { value } or { valueFrom }'

/** A plain value, or one of the two forms of Kubernetes' EnvVar. */
const variable = z.union(
  [
    z.union([z.string(), z.number(), z.boolean()], { error: wantedVariable }).transform(String),
    fields({ value: z.string({ error: 'a string' }) }),
    fields({ valueFrom: object('secretKeyRef, configMapKeyRef, fieldRef or resourceFieldRef') }),
  ],
  { error: wantedVariable },
)

const named = z.looseObject({ name: text('the name of a variable') }, { error: 'a variable with a name' })

const environment = z
  .union(
    [
      z.record(z.string(), variable, { error: 'an object of variables' }),
      z.array(named, { error: 'a list of variables' }),
    ],
    { error: 'an object of variables, or a list of { name, value } and { name, valueFrom }' },
  )
  .meta({ description: "Environment variables of the container; they override the service's env" })

const strategy = fields({
  type: z
    .enum(['RollingUpdate', 'Recreate'], { error: "'RollingUpdate' or 'Recreate'" })
    .default('RollingUpdate'),
  rollingUpdate: fields({
    maxSurge: intOrPercent.optional(),
    maxUnavailable: intOrPercent.optional(),
  }).optional(),
}).meta({
  description: "Default: the service's strategy, with maxSurge 1 and maxUnavailable 0 where not set",
})

const drain = fields({
  delaySeconds: seconds('zero').default(5).meta({
    description:
      'Seconds for which a terminating pod still accepts connections: the time until its endpoints are withdrawn',
  }),
  delayBy: z.enum(['preStop', 'library'], { error: "'preStop' or 'library'" }).optional().meta({
    description:
      "What waits for delaySeconds: a preStop hook, or @handover/process in the image. Default: 'library' with register, otherwise 'preStop'",
  }),
  preStopSeconds: seconds('zero')
    .optional()
    .meta({ description: 'Seconds that the preStop hook in `lifecycle` takes' }),
  hooksSeconds: seconds('zero').default(0).meta({
    description: 'Seconds that the program needs to exit once its connections are closed',
  }),
}).meta({ description: 'How a pod drains; terminationGracePeriodSeconds is derived from it' })

const configMap = fields({
  data: texts('Entries of the ConfigMap'),
  mountPath: text('a path').optional().meta({
    description: 'Folder in the container for the entries. Default: they become environment variables',
  }),
}).meta({ description: 'A ConfigMap with these entries; changing one starts a rollout' })

const noneOr = <Schema extends z.ZodType>(schema: Schema, description: string) =>
  z
    .union([z.literal(false), schema], { error: "an object with Kubernetes' fields, or false" })
    .meta({ description })

/** Fields that the service has too; its values are their defaults. */
const rolling = {
  replicas: count(0).optional().meta({ description: "Number of pods. Default: the service's replicas" }),
  strategy: strategy.optional(),
  minReadySeconds: seconds('zero').optional().meta({ description: "Default: the service's" }),
  progressDeadlineSeconds: seconds('positive')
    .optional()
    .meta({ description: "Default: the service's if it is set there, otherwise 600" }),
  revisionHistoryLimit: count(0).optional().meta({ description: "Default: the service's" }),
  terminationGracePeriodSeconds: seconds('zero').optional().meta({
    description: 'Seconds from the start of the preStop hook to SIGKILL. Default: derived from drain',
  }),
}

export const containerFields = {
  command: command.optional().meta({ description: "Default: the image's ENTRYPOINT" }),
  args: z
    .array(z.string({ error: 'a string' }), { error: 'a list of strings' })
    .optional()
    .meta({ description: "Default: the image's CMD" }),
  workingDir: text('a folder').optional().meta({ description: "Default: the image's WORKDIR" }),
  imagePullPolicy: text('Always, IfNotPresent or Never')
    .optional()
    .meta({ description: "Always, IfNotPresent or Never. Default: Kubernetes' own" }),
  envFrom: list('ConfigMaps and Secrets whose entries become environment variables').optional(),
  resources: object('Requests and limits').optional(),
  volumeMounts: list('Where volumes are mounted in the container').optional(),
  lifecycle: object('Hooks of the container; a preStop here replaces the one from drain').optional(),
  startupProbe: object("Kubernetes' probe. Default: the service's").optional(),
  readinessProbe: object("Kubernetes' probe. Default: the service's").optional(),
  livenessProbe: object("Kubernetes' probe. Default: the service's").optional(),
}

export const podFields = {
  imagePullSecrets: list('Secrets for the registry, each { name }').optional(),
  serviceAccountName: text('a name').optional().meta({ description: 'ServiceAccount of the pods' }),
  automountServiceAccountToken: z
    .boolean({ error: 'true or false' })
    .optional()
    .meta({ description: 'Default: true with a serviceAccountName, else false' }),
  nodeSelector: texts('Labels of the nodes').optional(),
  affinity: object('Affinity of the pods to nodes and to other pods').optional(),
  tolerations: list('Taints of nodes that the pods tolerate').optional(),
  topologySpreadConstraints: list(
    'How pods are spread. Default: over nodes and zones where possible',
  ).optional(),
  priorityClassName: text('a name').optional().meta({ description: 'PriorityClass of the pods' }),
  runtimeClassName: text('a name').optional().meta({ description: 'RuntimeClass of the pods' }),
  hostAliases: list('Entries of /etc/hosts').optional(),
  dnsPolicy: text('a policy').optional().meta({ description: 'DNS policy of the pods' }),
  dnsConfig: object('Name servers, search domains and options of the pods').optional(),
  initContainers: list('Containers that run before the service').optional(),
  volumes: list('Volumes of the pod').optional(),
}

/** The section `kubernetes` of a service; fields with Kubernetes' names are passed through. */
export const kubernetes = fields({
  image: text('an image, such as registry.example/web:1.2.3')
    .optional()
    .meta({ description: 'Image of the container; --set image= overrides it' }),
  namespace: text('a name').optional().meta({ description: 'Namespace of the objects' }),
  labels: texts('Labels of every object').default({}),
  annotations: texts('Annotations of the Deployment and its pods').default({}),
  ...rolling,
  drain: drain.prefault({}),
  register: z
    .union([z.boolean(), text('a path')], { error: 'true, false or a path in the image' })
    .default(false)
    .meta({
      description:
        'Preload @handover/process/register through NODE_OPTIONS: true if the image has it in node_modules, or its path in the image',
    }),
  probesPort: count(1, 'a port number from 1 to 65535')
    .max(65535, { error: 'a port number from 1 to 65535' })
    .optional()
    .meta({ description: 'Port on which the library serves /startupz, /readyz and /livez' }),
  env: environment.default({}),
  plainEnv: z
    .array(text('the name of a variable'), { error: 'a list of names' })
    .default([])
    .meta({ description: 'Variables that look like secrets but are not' }),
  securityContext: object('Fields of the pod and the container; each overrides its hardened default').default(
    {},
  ),
  ...containerFields,
  ...podFields,
  service: noneOr(
    object('Its spec'),
    'Fields of the spec of the Service, and annotations; false: none. Default: a port for each listener',
  ).default({}),
  ingress: object('Fields of the spec of an Ingress, and annotations').optional(),
  autoscaling: object(
    'Fields of the spec of a HorizontalPodAutoscaler, or targetCPUUtilizationPercentage instead of metrics',
  ).optional(),
  podDisruptionBudget: noneOr(
    object('Its spec'),
    'maxUnavailable or minAvailable; it must leave room to drain a node; false: none. Default: maxUnavailable 1',
  ).default({}),
  configMap: configMap.optional(),
})

export type KubernetesFields = z.output<typeof kubernetes>
