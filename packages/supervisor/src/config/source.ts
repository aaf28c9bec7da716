import type { Result, ServiceSpec } from '../model/index.js'
import { ok } from '../model/index.js'
import type { CommandOptions } from './flags.js'
import { specFromCommand } from './flags.js'
import { loadConfig } from './load.js'

/**
 * Where the services come from: a configuration file, or what stood on the command line. Plain data, so that it
 * can be handed to another process; paths are taken from `folder`.
 */
export type SpecSource =
  | { type: 'config'; path: string; folder: string }
  | { type: 'command'; options: CommandOptions; folder: string }

/** Reads the services anew, with all that it takes: the schema, YAML, a loader for TypeScript. */
export async function readSpecs(source: SpecSource): Promise<Result<ServiceSpec[]>> {
  const config =
    source.type === 'config'
      ? await loadConfig(source.path, source.folder)
      : specFromCommand(source.options, source.folder)
  return config.ok ? ok(config.value.services) : config
}
