import { specOf } from '@handover/testkit'
import type { ServiceSpec } from '../../dist/model/index.js'

export const rolling = (
  maxSurge: number | `${number}%`,
  maxUnavailable: number | `${number}%`,
): ServiceSpec['strategy'] => ({ type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } })

/** A service with a listener: its first instance need not start alone. */
export const listeningSpec = (change: Partial<ServiceSpec> = {}): ServiceSpec =>
  specOf({ listen: { http: { type: 'tcp', host: '::', port: 3000, backlog: 511 } }, ...change })
