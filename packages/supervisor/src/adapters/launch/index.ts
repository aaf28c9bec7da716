export { prepareLaunch } from './prepare.js'
export type { LaunchContext, LaunchPlan } from './prepare.js'
export { firstTcpPort } from './port.js'
