import type { Expected } from './answer.js'
import type { LoadReport } from './report.js'

/** The right answer for one method and path, as the service gave it before the load. */
export interface Calibrated {
  method: string
  path: string
  expected: Expected
  /** Whether answers carry the `X-Request-Id` of their request. */
  echoesId: boolean
}

export interface Calibration {
  find(method: string, path: string): Calibrated | null
  paths(): LoadReport['paths']
}
