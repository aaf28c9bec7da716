import type { ServiceSpec } from '../../dist/model/index.js'

/** One instance behind one listener. */
export const spec = (more: Partial<ServiceSpec> = {}): ServiceSpec => ({
  name: 'web',
  command: ['node', 'server.js'],
  cwd: '/srv',
  env: {},
  envFiles: [],
  replicas: 1,
  listen: { http: { type: 'tcp', host: '::', port: 3000, backlog: 511 } },
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
  minReadySeconds: 0,
  progressDeadlineSeconds: 60,
  revisionHistoryLimit: 10,
  terminationGracePeriodSeconds: 30,
  maxDraining: 8,
  drain: { timeoutSeconds: 29, idleSeconds: 10 },
  register: true,
  ...more,
})
