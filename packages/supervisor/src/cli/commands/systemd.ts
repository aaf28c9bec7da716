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

/** `systemd`: the units that run this under systemd, on standard output or put in place. */
export function addSystemdCommand(program: Command, afterDashes: string[] | null): void {
  withCommonOptions(
    program.command('systemd').argument('[config]', 'a configuration file; or: -- what run is given'),
  )
    .description("emit systemd's units: a service, and a socket of each listener with --socket")
    .usage("[config | -- run's arguments…] [options]")
    .option('--socket', 'socket units too: systemd listens, also while the service is stopped')
    .option('--user', "for the user's own systemd instead of the machine's")
    .option('--install', 'put the units in place and make them known (systemctl daemon-reload)')
    .addOption(
      new Option(
        '--systemd-version <number>',
        'emit for this version (default: the one that is here)',
      ).argParser(versionNumber),
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
      `both "${config}" and arguments of 'run' after '--' were given; one of them was expected`,
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

/** Every word is absolute, or stands in WorkingDirectory=. */
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

/** Where the supervisor lives must be the same for the unit and for who asks it from a shell. */
const kept = ({ HANDOVER_HOME: home }: NodeJS.ProcessEnv): Record<string, string> =>
  home ? { HANDOVER_HOME: home } : {}

const definedOf = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>

function versionNumber(text: string): number {
  if (/^\d{3}$/.test(text)) return Number(text)
  throw new CommandExit(exitCodes.usage, `--systemd-version is "${text}", a number such as 252 was expected`)
}

/** What is emitted where there is no systemd: any that is in use knows it. */
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
