import type { Result, ServiceSpec } from '../model/index.js'
import { ok } from '../model/index.js'
import type { CommandOptions } from './flags.js'
import { specFromCommand } from './flags.js'
import { loadConfig } from './load.js'

/**
 * Source of the services: a configuration file or the command line. Plain data, so that another process can read
 * it; relative paths start from `folder`.
 */
export type SpecSource =
  | { type: 'config'; path: string; folder: string }
  | { type: 'command'; options: CommandOptions; folder: string }

/** Reads the services. Loads the schema, the YAML parser and, if needed, a TypeScript loader: see `specReader`. */
export async function readSpecs(source: SpecSource): Promise<Result<ServiceSpec[]>> {
  const config =
    source.type === 'config'
      ? await loadConfig(source.path, source.folder)
      : specFromCommand(source.options, source.folder)
  return config.ok ? ok(config.value.services) : config
}
