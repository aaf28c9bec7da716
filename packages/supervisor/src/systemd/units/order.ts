import type { ServiceSpec } from '../../model/index.js'

export interface SystemdOrder {
  /** Name of the supervisor; the service unit is `<name>.service`. */
  name: string
  specs: ServiceSpec[]
  /** The systemd of the machine, or that of a user. */
  scope: 'system' | 'user'
  /** ExecStart=. */
  start: string[]
  /** ExecReload=. */
  upgrade: string[]
  environment: Record<string, string>
  /** WorkingDirectory=: relative paths of the configuration start here. */
  folder: string
  /** Whether each listener gets a socket unit. */
  sockets: boolean
  systemdVersion: number
}
