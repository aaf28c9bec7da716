import type { ServiceSpec } from '../../model/index.js'

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
