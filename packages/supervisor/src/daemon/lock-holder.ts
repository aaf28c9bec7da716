// Without the rest of the adapters, which take longer to load than a command runs.
export { lockHolder } from '../adapters/lock-holder.js'
