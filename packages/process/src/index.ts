export { handover } from './service/handover.js'
export {
  HandoverError,
  InheritedListenersError,
  OptionError,
  type HandoverErrorCode,
} from './protocol/errors.js'
export type { UpgradeReceipt } from './alone/receipt.js'
export type { MoveChoice } from './connections/connection.js'
export type { ExecOptions } from './in-place/image.js'
export type { InheritedListener } from './listeners/inherited.js'
export type { ListenAddressInput, ListenAddressOptions } from './listeners/listen-target.js'
export type { HandoverOptions } from './service/options.js'
export type { ProbeHandler, Probes } from './probes/handlers.js'
export type { ConnectionAccount } from './protocol/account.js'
export type { DrainReport, Hook, ServiceState } from './protocol/lifecycle.js'
export type { ServiceEvents } from './service/events.js'
export type { Service } from './service/service.js'
export type { WebSocketHooks, WebSocketLike, WebSocketServerLike } from './connections/websocket/hooks.js'
export type { ListenAddress } from './system/socket-table.js'
