export { openProber } from './prober.js'
