export interface LaunchContext {
  /** Path of the CommonJS form of `@handover/process/register`, loaded by `--require`; null: none is preloaded. */
  preload: string | null
  /** What instances inherit; the supervisor's own variables are left out. */
  baseEnv: NodeJS.ProcessEnv
  /** Becomes PORT unless the service sets it. */
  firstTcpPort?: number | undefined
}
