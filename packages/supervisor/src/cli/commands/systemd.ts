import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Option } from 'commander'
import type { Command } from 'commander'
import { exitCodes } from '../../control/api.js'
import type { Paths } from '../../config/paths.js'
import type { SpecSource } from '../../config/source.js'
import type { SystemdOrder } from '../../systemd/units/index.js'
import { systemdUnits } from '../../systemd/units/index.js'
import type { CommonOptions } from '../context.js'
import { pathsOf, withCommonOptions } from '../context.js'
import { splitAtDashes } from '../dashes.js'
import { CommandExit, valueOf } from '../exit.js'
import { installUnits, unitFolder } from '../install-units.js'
import { print, printJson, say } from '../output/talk.js'
import { smallHeap } from '../small-heap.js'
import { specSource } from '../source.js'
import { readRunArguments } from './serve.js'

interface SystemdOptions extends CommonOptions {
  socket?: boolean
  user?: boolean
  install?: boolean
  systemdVersion?: number
}

/** `systemd`: prints or installs the units that run the supervisor under systemd. */
export function addSystemdCommand(program: Command, afterDashes: string[] | null): void {
  withCommonOptions(
    program.command('systemd').argument('[config]', 'configuration file; or the arguments of run after --'),
  )
    .description('print or install systemd units')
    .usage('[config | -- arguments of run…] [options]')
    .option('--socket', 'add a socket unit for each listener, which listens while the service is stopped')
    .option('--user', 'make units for the systemd instance of the user')
    .option('--install', 'write the unit files and run systemctl daemon-reload')
    .addOption(
      new Option('--systemd-version <number>', 'version of systemd (default: the installed one)').argParser(
        versionNumber,
      ),
    )
    .action((config: string | undefined, options: SystemdOptions) => emit(config, afterDashes, options))
}

async function emit(
  config: string | undefined,
  runArguments: string[] | null,
  options: SystemdOptions,
): Promise<void> {
  if (config !== undefined && runArguments !== null)
    throw new CommandExit(
      exitCodes.usage,
      `the configuration is "${config}" and there are arguments of run after "--", wanted one of them`,
    )
  const [own, after] = splitAtDashes(runArguments ?? [])
  const run = readRunArguments(own)
  const given = { ...run.options, ...definedOf({ config: options.config, name: options.name }) }
  const source = valueOf(specSource(config ?? run.target, after, given))
  const { readSpecs } = await import('../../config/source.js')
  const specs = valueOf(await readSpecs(source))
  const paths = await pathsOf({ ...given, ...(source.type === 'config' ? { config: source.path } : {}) })
  const units = systemdUnits({
    name: paths.name,
    specs,
    scope: options.user ? 'user' : 'system',
    ...commandLines(paths, source, own, after),
    environment: kept(process.env),
    folder: source.type === 'config' ? dirname(source.path) : source.folder,
    sockets: options.socket === true,
    systemdVersion: options.systemdVersion ?? installedVersion(),
  })
  const folder = unitFolder(options.user === true, process.env)
  if (options.install) valueOf(installUnits(folder, units, options.user === true, say))
  if (options.json) return printJson(units)
  if (!options.install)
    print(
      units
        .map(({ name, text }) => `# ${folder}/${name}\n${text}`)
        .join('\n')
        .trimEnd(),
    )
}

/** Paths in the result are absolute, or relative to WorkingDirectory=. */
function commandLines(
  { name }: Paths,
  source: SpecSource,
  own: string[],
  after: string[] | null,
): Pick<SystemdOrder, 'start' | 'upgrade'> {
  const bin = fileURLToPath(new URL('../../../bin/handover.js', import.meta.url))
  const what =
    source.type === 'config'
      ? [source.path, '--name', name]
      : [...withoutName(own), '--name', name, ...(after === null ? [] : ['--', ...after])]
  return {
    start: [process.execPath, ...smallHeap, bin, 'run', ...what],
    upgrade: [process.execPath, bin, 'upgrade', '--name', name],
  }
}

function withoutName(args: string[]): string[] {
  const at = args.findIndex((arg) => arg === '--name' || arg === '-n')
  return at === -1 ? args : args.filter((_, index) => index !== at && index !== at + 1)
}

/** The unit must use the same folders as commands from this shell. */
const kept = ({ HANDOVER_HOME: home }: NodeJS.ProcessEnv): Record<string, string> =>
  home ? { HANDOVER_HOME: home } : {}

const definedOf = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>

function versionNumber(text: string): number {
  if (/^\d{3}$/.test(text)) return Number(text)
  throw new CommandExit(exitCodes.usage, `--systemd-version is "${text}", wanted a number such as 252`)
}

/** Used where systemd is not installed: Debian 12's, and units for it work with every later version. */
const oldestVersion = 252

function installedVersion(): number {
  try {
    const [, version] =
      /^systemd (\d+)/.exec(execFileSync('systemctl', ['--version'], { encoding: 'utf8' })) ?? []
    return Number(version ?? oldestVersion)
  } catch {
    return oldestVersion
  }
}
