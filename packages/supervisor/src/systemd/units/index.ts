import type { ServiceSpec } from '../../model/index.js'
import type { SystemdOrder } from './order.js'
import { serviceUnit } from './service.js'
import { socketUnit } from './socket.js'

export type { SystemdOrder } from './order.js'
export type { Timing, UnitLimits } from './timing.js'
export { drainWarnings, timingOf } from './timing.js'

export interface UnitFile {
  name: string
  text: string
}

/** The service unit of the supervisor, then the socket units if `sockets` is true. */
export function systemdUnits(order: SystemdOrder): UnitFile[] {
  const unit = `${order.name}.service`
  const sockets = order.sockets ? order.specs.flatMap((spec) => socketUnits(order.name, unit, spec)) : []
  const service = serviceUnit(
    order,
    sockets.map(({ name }) => name),
  )
  return [{ name: unit, text: service }, ...sockets]
}

function socketUnits(name: string, serviceUnit: string, { name: service, listen }: ServiceSpec): UnitFile[] {
  return Object.entries(listen).map(([listener, spec]) => ({
    name: `${name === service ? name : `${name}-${service}`}-${listener}.socket`,
    text: socketUnit({ service, listener, serviceUnit }, spec),
  }))
}
