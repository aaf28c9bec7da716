import type { ServiceSpec } from 'handover/model'

/** A specification with every default filled in, and what a test cares for on top. */
export const specOf = (change: Partial<ServiceSpec> = {}): ServiceSpec => ({
  name: 'web',
  command: ['./web'],
  cwd: '/srv/web',
  env: {},
  envFiles: [],
  replicas: 2,
  listen: {},
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
  minReadySeconds: 0,
  progressDeadlineSeconds: 60,
  revisionHistoryLimit: 10,
  terminationGracePeriodSeconds: 30,
  maxDraining: 8,
  drain: { timeoutSeconds: 29, idleSeconds: 10 },
  register: true,
  ...change,
})
