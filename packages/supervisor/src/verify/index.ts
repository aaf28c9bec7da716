export { calibrate } from './calibrate.js'
export type { Calibrated, Calibration } from './calibration.js'
export { formatReport, formatVerify } from './format.js'
export { parseIdentify, type Identify } from './identify.js'
export { startLoad, type Load } from './load.js'
export type { KeepAliveLoad, LoadOptions, ProcessRevision, Range, Target, Workloads } from './options.js'
export {
  outcomes,
  type FailedOutcome,
  type FailedRequest,
  type Outcome,
  type OutcomeCounts,
} from './outcome.js'
export type { ConnectionFigures, Latency, LatencyFigures, LoadReport, WorkloadReport } from './report.js'
export {
  runVerify,
  type UpgradeResult,
  type VerifyOptions,
  type VerifyProgress,
  type VerifyReport,
} from './run.js'
export type { UpgradeWindow } from './timeline.js'
export type { VersionFigure } from './versions.js'
