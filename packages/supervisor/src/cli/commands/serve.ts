import { Command } from 'commander'
import { exitCodes } from '../../control/api.js'
import { specReader } from '../../config/reader.js'
import { sourceMemory } from '../../config/source-memory.js'
import { pathsOf, withCommonOptions } from '../context.js'
import { CommandExit, valueOf } from '../exit.js'
import { say } from '../output/talk.js'
import { forwardLogs } from '../output/forward.js'
import {
  boundedWriter,
  continueWithoutReader,
  doNotWaitForTerminal,
  endAfterOutput,
  foregroundLog,
} from '../output/lost-output.js'
import type { ServeOptions } from '../serve-options.js'
import { specSource } from '../source.js'
import { collect } from './options.js'

/** `run` and `start`: a supervisor in the foreground or in the background. */
export function addServeCommands(program: Command, afterDashes: string[] | null): void {
  serve(program, 'run')
    .description('run the supervisor in the foreground (for systemd and containers)')
    .option('--stdio <where>', "output of the instances: 'file', or 'inherit' from the supervisor", 'file')
    .action((target: string | undefined, options: ServeOptions) => run(target, afterDashes, options))
  serve(program, 'start')
    .description('run the supervisor in the background; returns when every service is ready')
    .action((target: string | undefined, options: ServeOptions) => start(target, afterDashes, options))
}

/** Parses arguments as `handover run` does, without running it; an unknown option throws. */
export function readRunArguments(args: string[]): { target: string | undefined; options: ServeOptions } {
  const command = serve(new Command(), 'run').exitOverride()
  command.parse(args, { from: 'user' })
  const [target] = command.args
  return { target, options: command.opts<ServeOptions>() }
}

const serve = (program: Command, name: string): Command =>
  withCommonOptions(program.command(name))
    .argument('[target]', 'configuration file or Node script; or a command after --')
    .usage('[config | script | -- command…] [options]')
    .option('-i, --replicas <number>', "number of instances, or 'max' for one per core")
    .option('-p, --listen <address>', '[name=]port, host:port or unix:path (repeatable)', collect, [])
    .option('--no-discover', 'do not make listeners of what the application itself listens on')
    .option('--cwd <folder>', 'working folder; a symbolic link is resolved again at each upgrade')
    .option('-e, --env <KEY=value>', 'environment variable (repeatable)', collect, [])
    .option('--env-file <file>', 'file of KEY=value lines (repeatable)', collect, [])
    .option('--user <user>', 'run the service as this user')
    .option('--group <group>', 'run the service as this group')
    .option('--strategy <type>', "'RollingUpdate' (default), 'Recreate' or 'InPlace'")
    .option('--max-surge <number>', 'instances above replicas during a rollout, a number or a percentage')
    .option(
      '--max-unavailable <number>',
      'instances below replicas during a rollout, a number or a percentage',
    )
    .option('--min-ready-seconds <seconds>', 'time that an instance must stay ready to count as available')
    .option('--progress-deadline-seconds <seconds>', 'time without progress after which a rollout fails')
    .option('--termination-grace-period-seconds <seconds>', 'time from SIGTERM to SIGKILL')
    .option('--stop-signal <signal>', "signal that stops an instance instead of SIGTERM, such as 'SIGQUIT'")
    .option('--max-memory <amount>', "replace an instance that uses more memory, such as '300Mi'")
    .option('--readiness-path <path>', 'path of an HTTP readiness probe on the first listener')

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
    throw new CommandExit(exitCodes.usage, `--stdio is "${options.stdio}", wanted "file" or "inherit"`)
  const source = valueOf(specSource(target, afterDashes, options))
  const paths = await pathsOf(options)
  continueWithoutReader()
  doNotWaitForTerminal()
  const { runDaemon, writerTo } = await import('../../daemon/index.js')
  const daemon = await runDaemon({
    paths,
    source: specReader(source, sourceMemory(paths.source)),
    stdio: options.stdio,
    log: writerTo(2, foregroundLog(paths.supervisorLog)),
    reopenLogs: () => {}, // the log is standard error, which another process opened
  })
  const { finished, services } = valueOf(daemon)
  const forwarding =
    options.stdio === 'inherit'
      ? null
      : forwardLogs(paths.logs, services, writerTo(1, boundedWriter(process.stdout)), say)
  await finished
  forwarding?.close()
  await endAfterOutput()
}
