import type { Config } from './schema.js'

export type { Config, ServiceConfig } from './schema.js'

/** Returns the configuration unchanged: it is there for types and completion in the editor. */
export const defineConfig = (config: Config): Config => config
