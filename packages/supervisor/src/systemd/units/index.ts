import type { ServiceSpec } from '../../model/index.js'
import { serviceUnit } from './service.js'
import { socketUnit } from './socket.js'

export type { Timing, UnitLimits } from './timing.js'
export { drainWarnings, timingOf } from './timing.js'

export interface SystemdOrder {
  /** Of the supervisor; the service unit is `<name>.service`. */
  name: string
  specs: ServiceSpec[]
  /** Who manages it: the machine's systemd, or that of the user who is logged in. */
  scope: 'system' | 'user'
  /** ExecStart=. */
  start: string[]
  /** ExecReload=. */
  upgrade: string[]
  environment: Record<string, string>
  /** Where the configuration's relative paths begin. */
  folder: string
  /** Whether the listeners are socket units of their own. */
  sockets: boolean
  systemdVersion: number
}

export interface UnitFile {
  name: string
  text: string
}

/** The unit of the supervisor, and one of each listener where they are asked for. */
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
