import type { Result } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { findConfig, folderOfCommand, isConfigFile } from '../config/find.js'
import { pathFrom } from '../config/path-from.js'
import type { SpecSource } from '../config/source.js'
import type { ServeOptions } from './serve-options.js'

/** The source that `run` and `start` were given: a configuration file, a Node script, or a command after `--`. */
export function specSource(
  target: string | undefined,
  afterDashes: string[] | null,
  options: ServeOptions,
): Result<SpecSource> {
  const folder = folderOfCommand()
  const named = options.config ?? (target !== undefined && isConfigFile(target) ? target : undefined)
  if (named !== undefined) return ok({ type: 'config', path: pathFrom(folder, named), folder })
  if (target !== undefined)
    return ok({ type: 'command', options: { ...options, script: [target, ...(afterDashes ?? [])] }, folder })
  if (afterDashes === null) return configOf(folder)
  return afterDashes.length > 0
    ? ok({ type: 'command', options: { ...options, command: afterDashes }, folder })
    : failed('Usage', 'there is nothing after "--", wanted a command, for example: -- ./server')
}

function configOf(folder: string): Result<SpecSource> {
  const path = findConfig(folder)
  return path === null
    ? failed(
        'Usage',
        `there is nothing to run and "${folder}" has no handover.config.*, wanted a script, a command or a configuration`,
      )
    : ok({ type: 'config', path, folder })
}
