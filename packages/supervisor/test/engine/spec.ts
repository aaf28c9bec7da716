import { specOf } from '@handover/testkit'
import type { ConnectionAccount, ServiceSpec } from '../../dist/model/index.js'

/** One instance behind one listener. */
export const spec = (more: Partial<ServiceSpec> = {}): ServiceSpec =>
  specOf({
    replicas: 1,
    listen: { http: { type: 'tcp', host: '::', port: 3000, backlog: 511 } },
    ...more,
  })

/** The account of an instance that has answered 40 requests on seven connections. */
export const figures: ConnectionAccount = {
  accepted: 7,
  adopted: 0,
  answered: 40,
  endedByPeer: 3,
  endedOrderly: 0,
  endedAtDeadline: 0,
  handedOver: 0,
  open: 4,
  active: 0,
}
