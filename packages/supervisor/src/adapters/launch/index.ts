export { prepareLaunch } from './prepare.js'
export type { LaunchContext } from './context.js'
export type { LaunchPlan } from './prepare.js'
export { firstTcpPort } from './port.js'
