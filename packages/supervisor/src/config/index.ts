import type { Config } from './schema.js'

export type { Config, ServiceConfig } from './schema.js'

/** Gives a configuration file types and completion; the configuration comes back as it is. */
export const defineConfig = (config: Config): Config => config
