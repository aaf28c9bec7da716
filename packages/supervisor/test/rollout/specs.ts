import type { ServiceSpec } from '../../dist/model/index.js'

export const rolling = (
  maxSurge: number | `${number}%`,
  maxUnavailable: number | `${number}%`,
): ServiceSpec['strategy'] => ({ type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } })
