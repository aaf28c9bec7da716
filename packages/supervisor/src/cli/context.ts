import { dirname } from 'node:path'
import type { Command } from 'commander'
import { findConfig, folderOfCommand, isFolderGone } from '../config/find.js'
import { pathFrom } from '../config/path-from.js'
import { defaultName, pathsFor } from '../config/paths.js'
import type { Paths } from '../config/paths.js'
import { exitCodes } from '../control/api.js'
import { controlClient } from '../control/client.js'
import type { ControlClient } from '../control/client.js'
import { controlSocket } from './control-socket.js'
import { CommandExit, valueOf } from './exit.js'

/** Options that every command has. */
export interface CommonOptions {
  name?: string
  config?: string
  json?: boolean
}

export const withCommonOptions = (command: Command): Command =>
  command
    .option('-n, --name <name>', 'name of the supervisor (default: from the configuration or the folder)')
    .option('-c, --config <file>', 'configuration file (default: handover.config.* in this folder)')
    .option('--json', 'print JSON on standard output')

/** Files and folders of the supervisor that the options name. */
export async function pathsOf(options: CommonOptions): Promise<Paths> {
  const name = options.name ?? (await nameByConfig(options))
  return valueOf(pathsFor(name, process.env, process.getuid?.() ?? 0))
}

/** The configuration that the command means: `-c`, otherwise that of the folder. Null if there is neither. */
export function configOf({ config }: CommonOptions): string | null {
  const folder = folderOfCommand()
  return config === undefined ? findConfig(folder) : pathFrom(folder, config)
}

/**
 * The name in the configuration, otherwise that of its folder. The folder's name is also used where the
 * configuration has an error, so that `status` and `logs` still work.
 */
async function nameByConfig(options: CommonOptions): Promise<string> {
  const folder = folderOfCommand()
  const file = configOf(options)
  if (file === null) {
    if (isFolderGone())
      throw new CommandExit(exitCodes.usage, `the working folder "${folder}" does not exist, wanted a --name`)
    return defaultName(folder)
  }
  const { loadConfig } = await import('../config/load.js')
  const loaded = await loadConfig(file, folder)
  return (loaded.ok && loaded.value.name) || defaultName(dirname(file))
}

export async function connect(options: CommonOptions): Promise<ControlClient> {
  const paths = await pathsOf(options)
  return controlClient(await controlSocket(paths), paths.name)
}
