import { specOf } from '@handover/testkit'
import type { ServiceSpec } from '../../dist/model/index.js'

/** One instance behind one listener. */
export const spec = (more: Partial<ServiceSpec> = {}): ServiceSpec =>
  specOf({
    replicas: 1,
    listen: { http: { type: 'tcp', host: '::', port: 3000, backlog: 511 } },
    ...more,
  })
