import type { CommonOptions } from './context.js'

/** Options of `run` and `start`, as written. */
export interface ServeOptions extends CommonOptions {
  replicas?: string
  listen: string[]
  cwd?: string
  env: string[]
  envFile: string[]
  user?: string
  group?: string
  strategy?: string
  maxSurge?: string
  maxUnavailable?: string
  minReadySeconds?: string
  progressDeadlineSeconds?: string
  terminationGracePeriodSeconds?: string
  stopSignal?: string
  readinessPath?: string
  /** False with `--no-discover`. */
  discover: boolean
  stdio?: string
}
