import { resolve } from 'node:path'
import type { Result, ServiceSpec } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { specFromCommand } from '../config/flags.js'
import { isConfigFile, loadConfig } from '../config/load.js'
import type { SpecSource } from '../daemon/operations.js'
import type { ServeOptions } from './commands/serve.js'

/**
 * Where the services come from: a configuration file, a Node script, or a command after `--`. Paths are taken
 * from the folder in which the command was given, once; files are read anew at each call.
 */
export function specSource(
  target: string | undefined,
  afterDashes: string[] | null,
  options: ServeOptions,
): SpecSource {
  const folder = process.cwd()
  const config = options.config ?? (target !== undefined && isConfigFile(target) ? target : undefined)
  if (config !== undefined || (target === undefined && afterDashes === null))
    return { read: () => fromConfig(config === undefined ? null : resolve(folder, config), folder) }
  return { read: () => Promise.resolve(fromCommand(target, afterDashes, options, folder)) }
}

async function fromConfig(path: string | null, folder: string): Promise<Result<ServiceSpec[]>> {
  const loaded = await loadConfig(path, folder)
  return loaded.ok ? ok(loaded.value.services) : loaded
}

function fromCommand(
  script: string | undefined,
  afterDashes: string[] | null,
  options: ServeOptions,
  folder: string,
): Result<ServiceSpec[]> {
  if (script === undefined && afterDashes?.length === 0)
    return failed('Usage', "nothing stands after '--'; a command was expected, for example: -- ./server")
  const spec = specFromCommand({ ...options, ...what(script, afterDashes) }, folder)
  return spec.ok ? ok(spec.value.services) : spec
}

const what = (script: string | undefined, afterDashes: string[] | null) =>
  script === undefined ? { command: afterDashes ?? [] } : { script: [script, ...(afterDashes ?? [])] }
