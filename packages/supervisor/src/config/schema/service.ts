import { z } from 'zod'
import { account, command, count, fields, intOrPercent, name, seconds, text } from './common.js'
import { kubernetes } from './kubernetes.js'
import { lifecycle } from './lifecycle.js'
import { listener } from './listen.js'
import { probe } from './probe.js'
import { memory } from './quantity.js'

const wantedReplicas = "a whole number, 0 or more, or 'max'"
const wantedVariable = 'a string, a number or a boolean'
const wantedVariableName = 'a variable name without "=" or white space'

const environment = z.record(
  z.string({ error: wantedVariableName }).regex(/^[^=\s\0]+$/, { error: wantedVariableName }),
  z
    .union([z.string(), z.number(), z.boolean()], { error: wantedVariable })
    .transform((value) => String(value)),
  { error: 'an object of variables' },
)

const strategy = fields({
  type: z
    .enum(['RollingUpdate', 'Recreate', 'InPlace'], { error: "'RollingUpdate', 'Recreate' or 'InPlace'" })
    .default('RollingUpdate')
    .meta({
      description:
        'RollingUpdate starts new instances before it stops old ones; Recreate stops every old instance first; InPlace replaces the program in the same process',
    }),
  rollingUpdate: fields({
    maxSurge: intOrPercent.optional().meta({
      description: "Instances above replicas during a rollout; percentages are rounded up. Default '25%'",
    }),
    maxUnavailable: intOrPercent.optional().meta({
      description:
        'Instances below replicas during a rollout; percentages are rounded down. Default 0, or 1 where maxSurge is 0',
    }),
  }).optional(),
})

const drain = fields({
  timeoutSeconds: seconds('zero').optional().meta({
    description:
      'Seconds after which the library closes the connections that are left. Default: 1 second less than terminationGracePeriodSeconds',
  }),
  idleSeconds: seconds('zero').optional().meta({
    description:
      'Seconds for which an idle keep-alive connection stays open for a last request. Default: 10, at most timeoutSeconds',
  }),
  patienceSeconds: seconds('zero').optional().meta({
    description:
      "Seconds that a request has waited when the application's own SIGTERM handler runs, if only such requests are left. Default: 5, at most half of timeoutSeconds",
  }),
  move: z.enum(['none', 'stateless', 'all'], { error: "'none', 'stateless' or 'all'" }).optional().meta({
    description:
      'Which idle HTTP/1 connections move to a successor: none, stateless ones to which the application has attached nothing, or all. Default: stateless',
  }),
})

const program = {
  command: command.optional().meta({
    description: 'The program and its arguments: a list, or one line without shell features',
  }),
  script: command.optional().meta({
    description: "A Node script and its arguments: short for command: ['node', …]",
  }),
  cwd: text('a folder').default('.').meta({
    description:
      'Working folder, relative to the configuration; a symbolic link is resolved again at each upgrade',
  }),
  env: environment.default({}).meta({ description: 'Environment variables; they override those from files' }),
  envFile: text('a path').optional().meta({ description: 'A file of KEY=value lines' }),
  envFiles: z
    .array(text('a path'), { error: 'a list of paths' })
    .default([])
    .meta({ description: 'Files of KEY=value lines; a later file overrides an earlier one' }),
  user: account
    .optional()
    .meta({ description: "User that the instances run as: a name or an id. Default: the supervisor's" }),
  group: account
    .optional()
    .meta({ description: "Group that the instances run as: a name or an id. Default: the user's" }),
  register: z
    .boolean({ error: 'true or false' })
    .default(true)
    .meta({ description: 'Preload @handover/process/register into Node programs' }),
  steer: z.boolean({ error: 'true or false' }).default(true).meta({
    description:
      'Give each instance without the library a TCP socket of its own, which gets new connections only while the instance is ready',
  }),
  discover: z.boolean({ error: 'true or false' }).default(true).meta({
    description:
      'What a Node program listens on beside listen becomes a listener of the service, and later instances get it',
  }),
}

const rolling = {
  replicas: z
    .union([count(0, wantedReplicas), z.literal('max')], { error: wantedReplicas })
    .default(1)
    .meta({ description: "Number of instances; 'max': one for each processor of the machine" }),
  strategy: strategy.prefault({}).meta({ description: 'How a rollout replaces instances' }),
  minReadySeconds: seconds('zero')
    .default(0)
    .meta({ description: 'Seconds for which an instance must stay ready to count as available' }),
  progressDeadlineSeconds: seconds('positive')
    .default(60)
    .meta({ description: 'Seconds without progress after which a rollout fails' }),
  revisionHistoryLimit: count(0)
    .default(10)
    .meta({ description: 'Number of old revisions that are kept for undo' }),
  terminationGracePeriodSeconds: seconds('zero')
    .default(30)
    .meta({ description: 'Seconds from SIGTERM, or stopSignal, to SIGKILL' }),
  lifecycle: lifecycle.optional().meta({ description: 'How an instance is stopped' }),
  maxDraining: count(0).optional().meta({
    description:
      'Number of old instances that may still be draining when a rollout starts. Default: 2 × replicas, at least 8',
  }),
  drain: drain.prefault({}).meta({ description: 'How an instance with the library drains' }),
}

/** One service of a configuration file. */
export const service = fields({
  ...program,
  listen: z
    .record(name, listener, { error: 'an object of listeners, such as { http: 3000 }' })
    .default({})
    .meta({ description: 'Listeners, by name' }),
  ...rolling,
  startupProbe: probe.optional().meta({ description: 'The other probes start once it has succeeded' }),
  readinessProbe: probe.optional().meta({ description: 'Checks that the instance can serve' }),
  livenessProbe: probe.optional().meta({ description: 'When it fails, the instance is restarted' }),
  maxMemory: memory.optional().meta({
    description:
      "Resident memory of all its processes ('300Mi') above which an instance is replaced, new before old",
  }),
  kubernetes: kubernetes
    .optional()
    .meta({ description: 'Settings for Kubernetes; they have no effect on one machine' }),
})

export type ServiceFields = z.output<typeof service>
