import { z } from 'zod'
import type { Json } from '../../model/index.js'
import { command, count, fields, intOrPercent, seconds, text } from './common.js'

const json: z.ZodType<Json> = z.json()

/** Kubernetes' own object: its fields are not looked at here, and the API server looks at all of them. */
const object = (description: string) =>
  z.record(z.string(), json, { error: 'an object with the fields that Kubernetes has' }).meta({ description })

const list = (description: string) =>
  z
    .array(z.record(z.string(), json, { error: 'an object with the fields that Kubernetes has' }), {
      error: 'a list, as Kubernetes has it',
    })
    .meta({ description })

const texts = (description: string) =>
  z
    .record(z.string(), z.string({ error: 'a string' }), { error: 'an object of strings' })
    .meta({ description })

const wantedVariable = 'a string, a number, a boolean, { value } or { valueFrom }'

/** Text, or one of the two ways of Kubernetes' EnvVar. */
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
  .meta({ description: "Environment variables of the container; they win over the service's own" })

const strategy = fields({
  type: z
    .enum(['RollingUpdate', 'Recreate'], { error: "'RollingUpdate' or 'Recreate'" })
    .default('RollingUpdate'),
  rollingUpdate: fields({
    maxSurge: intOrPercent.optional(),
    maxUnavailable: intOrPercent.optional(),
  }).optional(),
}).meta({ description: "Default: the service's, and maxSurge 1 and maxUnavailable 0 where it says nothing" })

const drain = fields({
  delaySeconds: seconds('zero').default(5).meta({
    description:
      'Seconds for which a pod that ends still accepts connections, until its endpoints are withdrawn',
  }),
  delayBy: z.enum(['preStop', 'library'], { error: "'preStop' or 'library'" }).optional().meta({
    description:
      "Who waits so long: a preStop hook, or @handover/process in the image. Default: 'library' with register, else 'preStop'",
  }),
  preStopSeconds: seconds('zero')
    .optional()
    .meta({ description: 'Seconds that the preStop hook of `lifecycle` takes' }),
  hooksSeconds: seconds('zero').default(0).meta({
    description: 'Seconds that the program needs after its connections are gone',
  }),
}).meta({ description: 'How a pod ends; terminationGracePeriodSeconds is derived from it' })

const configMap = fields({
  data: texts('The entries'),
  mountPath: text('a path')
    .optional()
    .meta({ description: 'Folder in the container. Default: the entries are environment variables' }),
}).meta({ description: 'A ConfigMap of these entries; when one changes, the pods are rolled' })

const noneOr = <Schema extends z.ZodType>(schema: Schema, description: string) =>
  z
    .union([z.literal(false), schema], { error: 'an object with the fields that Kubernetes has, or false' })
    .meta({ description })

/** Of the service, with what it says as defaults. */
const rolling = {
  replicas: count(0).optional().meta({ description: "How many pods. Default: the service's replicas" }),
  strategy: strategy.optional(),
  minReadySeconds: seconds('zero').optional().meta({ description: "Default: the service's" }),
  progressDeadlineSeconds: seconds('positive')
    .optional()
    .meta({ description: "Default: the service's where it says one, else 600" }),
  revisionHistoryLimit: count(0).optional().meta({ description: "Default: the service's" }),
  terminationGracePeriodSeconds: seconds('zero').optional().meta({
    description: 'Seconds from the start of the preStop hook to SIGKILL. Default: derived from drain',
  }),
}

export const containerFields = {
  command: command.optional().meta({ description: "Default: the image's own ENTRYPOINT" }),
  args: z
    .array(z.string({ error: 'a string' }), { error: 'a list of strings' })
    .optional()
    .meta({ description: "Default: the image's own CMD" }),
  workingDir: text('a folder').optional().meta({ description: "Default: the image's own WORKDIR" }),
  imagePullPolicy: text('Always, IfNotPresent or Never')
    .optional()
    .meta({ description: "Default: Kubernetes'" }),
  envFrom: list('ConfigMaps and Secrets whose entries are environment variables').optional(),
  resources: object('requests and limits').optional(),
  volumeMounts: list('Where volumes are in the container').optional(),
  lifecycle: object('Hooks of the container; a preStop here replaces the one of drain').optional(),
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
  affinity: object('Where pods should be').optional(),
  tolerations: list('Taints of nodes that are tolerated').optional(),
  topologySpreadConstraints: list(
    'How pods are spread. Default: over nodes and zones, as far as possible',
  ).optional(),
  priorityClassName: text('a name').optional().meta({ description: 'PriorityClass of the pods' }),
  runtimeClassName: text('a name').optional().meta({ description: 'RuntimeClass of the pods' }),
  hostAliases: list('Entries of /etc/hosts').optional(),
  dnsPolicy: text('a policy').optional().meta({ description: 'How names are looked up' }),
  dnsConfig: object('How names are looked up').optional(),
  initContainers: list('Containers that run before').optional(),
  volumes: list('Volumes of the pod').optional(),
}

/** The section `kubernetes` of a service: Kubernetes' own names, passed through. */
export const kubernetes = fields({
  image: text('an image, such as registry.example/web:1.2.3')
    .optional()
    .meta({ description: 'Image of the container; --set image= wins over it' }),
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
        'Preload @handover/process/register by NODE_OPTIONS: true where the image has it in node_modules, or its path',
    }),
  probesPort: count(1, 'a port number from 1 to 65535')
    .max(65535, { error: 'a port number from 1 to 65535' })
    .optional()
    .meta({ description: 'Port on which the library serves /startupz, /readyz and /livez' }),
  env: environment.default({}),
  plainEnv: z
    .array(text('the name of a variable'), { error: 'a list of names' })
    .default([])
    .meta({ description: 'Variables whose names or values look like secrets and are none' }),
  securityContext: object(
    'Fields of the pod and the container; they win over the hardened defaults one by one',
  ).default({}),
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
    'maxUnavailable or minAvailable, which must not block a drain of nodes; false: none. Default: maxUnavailable 1',
  ).default({}),
  configMap: configMap.optional(),
})

export type KubernetesFields = z.output<typeof kubernetes>
