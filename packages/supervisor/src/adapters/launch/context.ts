export interface LaunchContext {
  /** Path of the CommonJS form of `@handover/process/register`, loaded by `--require`. Null if none is preloaded. */
  preload: string | null
  /** The variables that instances inherit, without those for the supervisor itself. */
  baseEnv: NodeJS.ProcessEnv
  /** Becomes PORT unless the service sets it. */
  firstTcpPort?: number | undefined
}
