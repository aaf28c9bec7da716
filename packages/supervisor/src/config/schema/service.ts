import { z } from 'zod'
import { account, command, count, fields, intOrPercent, name, seconds, text } from './common.js'
import { kubernetes } from './kubernetes.js'
import { listener } from './listen.js'
import { probe } from './probe.js'
import { memory } from './quantity.js'

const wantedReplicas = "a whole number, 0 or more, or 'max'"
const wantedVariable = 'a string, a number or a boolean'
const wantedVariableName = 'a variable name without "=" and blanks'

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
        'Recreate ends every old instance before it starts a new one; InPlace replaces the program in the same process',
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
    description: 'Seconds after which the library ends what is left. Default: the grace period less 1 second',
  }),
  idleSeconds: seconds('zero').optional().meta({
    description:
      'Seconds for which an idle keep-alive connection is left open for its last request. Default 10',
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
      'Working folder, from the folder of the configuration; a symbolic link is followed anew at each upgrade',
  }),
  env: environment.default({}).meta({ description: 'Environment variables; they win over files' }),
  envFile: text('a path').optional().meta({ description: 'A file of KEY=value lines' }),
  envFiles: z
    .array(text('a path'), { error: 'a list of paths' })
    .default([])
    .meta({ description: 'Files of KEY=value lines; later ones win' }),
  user: account.optional().meta({ description: 'User that the instances run as: a name or an id' }),
  group: account.optional().meta({ description: "Group that the instances run as. Default: the user's own" }),
  register: z
    .boolean({ error: 'true or false' })
    .default(true)
    .meta({ description: 'Preload @handover/process/register into Node programs' }),
}

const rolling = {
  replicas: z
    .union([count(0, wantedReplicas), z.literal('max')], { error: wantedReplicas })
    .default(1)
    .meta({ description: "How many instances serve; 'max': as many as the machine has processors" }),
  strategy: strategy.prefault({}).meta({ description: 'How a rollout replaces instances' }),
  minReadySeconds: seconds('zero')
    .default(0)
    .meta({ description: 'Seconds for which an instance must be ready to be available' }),
  progressDeadlineSeconds: seconds('positive')
    .default(60)
    .meta({ description: 'Seconds without progress after which a rollout has failed' }),
  revisionHistoryLimit: count(0).default(10).meta({ description: 'Old revisions that are kept for undo' }),
  terminationGracePeriodSeconds: seconds('zero')
    .default(30)
    .meta({ description: 'Seconds from SIGTERM to SIGKILL' }),
  maxDraining: count(0).optional().meta({
    description:
      'Old instances that may still drain when a rollout starts. Default: the larger of 8 and 2 × replicas',
  }),
  drain: drain.prefault({}).meta({ description: 'How an instance with the library drains' }),
}

/** One service as a configuration file has it. */
export const service = fields({
  ...program,
  listen: z
    .record(name, listener, { error: 'an object of listeners, such as { http: 3000 }' })
    .default({})
    .meta({ description: 'The listeners, by name' }),
  ...rolling,
  startupProbe: probe.optional().meta({ description: 'Until it succeeds, the other probes wait' }),
  readinessProbe: probe.optional().meta({ description: 'Whether the instance is ready' }),
  livenessProbe: probe.optional().meta({ description: 'When it fails, the instance is started again' }),
  maxMemory: memory.optional().meta({
    description:
      "Memory ('300Mi') above which an instance is replaced, new before old: resident, of all its processes",
  }),
  kubernetes: kubernetes
    .optional()
    .meta({ description: 'How the service lives in a cluster; nothing of it matters on one machine' }),
})

export type ServiceFields = z.output<typeof service>
