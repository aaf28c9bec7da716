export { accountFields, addAccounts, type ConnectionAccount } from './protocol/account.js'
export {
  protocolVersion,
  type BoundListener,
  type InstanceEnvironment,
  type InstanceMessage,
  type SuccessorMessage,
  type SupervisorMessage,
} from './protocol/messages.js'
