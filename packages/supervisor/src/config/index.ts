// The entry point `handover/config` of the package. The supervisor itself imports the other files of this folder.
import type { Config } from './schema.js'

export type { Config, ServiceConfig } from './schema.js'

/** Returns the configuration unchanged: it is there for types and completion in the editor. */
export const defineConfig = (config: Config): Config => config
