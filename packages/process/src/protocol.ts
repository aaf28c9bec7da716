export { accountFields, addAccounts, type ConnectionAccount } from './protocol/account.js'
export {
  protocolVersion,
  type BoundListener,
  type InstanceEnvironment,
  type InstanceMessage,
  type ListenerAddress,
  type SuccessorMessage,
  type SupervisorMessage,
} from './protocol/messages.js'
