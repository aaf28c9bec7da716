import { Command } from 'commander'
import { exitCodes } from '../../control/api.js'
import { specReader } from '../../config/reader.js'
import { pathsOf, withCommonOptions } from '../context.js'
import { CommandExit, valueOf } from '../exit.js'
import { say } from '../output/talk.js'
import { forwardLogs } from '../output/forward.js'
import type { ServeOptions } from '../serve-options.js'
import { specSource } from '../source.js'
import { collect } from './options.js'

/** `run` and `start`: a supervisor in the foreground, or the same in the background. */
export function addServeCommands(program: Command, afterDashes: string[] | null): void {
  serve(program, 'run')
    .description('supervise in the foreground (systemd, containers)')
    .option('--stdio <where>', "instances' output: 'file', or 'inherit' for the supervisor's own", 'file')
    .action((target: string | undefined, options: ServeOptions) => run(target, afterDashes, options))
  serve(program, 'start')
    .description('supervise in the background; returns when every service is ready')
    .action((target: string | undefined, options: ServeOptions) => start(target, afterDashes, options))
}

/** The arguments of a `handover run` that is to come, read as it will read them; a wrong option throws. */
export function readRunArguments(args: string[]): { target: string | undefined; options: ServeOptions } {
  const command = serve(new Command(), 'run').exitOverride()
  command.parse(args, { from: 'user' })
  const [target] = command.args
  return { target, options: command.opts<ServeOptions>() }
}

const serve = (program: Command, name: string): Command =>
  withCommonOptions(program.command(name))
    .argument('[target]', 'a configuration file or a Node script; or: -- command…')
    .usage('[config | script | -- command…] [options]')
    .option('-i, --replicas <number>', "instances that should serve, or 'max': one per core")
    .option('-p, --listen <address>', '[name=]port, host:port or unix:path; may be given again', collect, [])
    .option('--cwd <folder>', 'folder of the service; a symbolic link is followed anew at each upgrade')
    .option('-e, --env <KEY=value>', 'environment of the service; may be given again', collect, [])
    .option('--env-file <file>', 'file of KEY=value lines; may be given again', collect, [])
    .option('--user <user>', 'run the service as this user')
    .option('--group <group>', 'run the service as this group')
    .option('--strategy <type>', "'RollingUpdate' (default), 'Recreate' or 'InPlace'")
    .option('--max-surge <number>', 'instances above the replicas during a rollout, or a percentage')
    .option('--max-unavailable <number>', 'instances below the replicas during a rollout, or a percentage')
    .option('--min-ready-seconds <seconds>', 'ready for this long before it counts')
    .option('--progress-deadline-seconds <seconds>', 'without progress for this long a rollout has failed')
    .option('--termination-grace-period-seconds <seconds>', 'from SIGTERM to SIGKILL')
    .option('--max-memory <amount>', "replace an instance that has more in memory than this: '300Mi'")
    .option('--readiness-path <path>', 'ready when a GET of this path says so')

async function start(
  target: string | undefined,
  afterDashes: string[] | null,
  options: ServeOptions,
): Promise<void> {
  const { startInBackground } = await import('../background.js')
  const source = valueOf(specSource(target, afterDashes, options))
  process.exitCode = await startInBackground(await pathsOf(options), source, options.json === true)
}

async function run(
  target: string | undefined,
  afterDashes: string[] | null,
  options: ServeOptions,
): Promise<void> {
  if (options.stdio !== 'file' && options.stdio !== 'inherit')
    throw new CommandExit(exitCodes.usage, `--stdio is "${options.stdio}"; 'file' or 'inherit' was expected`)
  const source = valueOf(specSource(target, afterDashes, options))
  const paths = await pathsOf(options)
  const { runDaemon } = await import('../../daemon/index.js')
  const daemon = await runDaemon({
    paths,
    source: specReader(source),
    stdio: options.stdio,
    log: say,
    reopenLogs: () => {}, // it goes to standard error, which is not ours to reopen
  })
  const { finished, services } = valueOf(daemon)
  const forwarding = options.stdio === 'inherit' ? null : forwardLogs(paths.logs, services)
  await finished
  forwarding?.close()
}
