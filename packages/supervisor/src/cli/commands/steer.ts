import type { Command } from 'commander'
import type { Operation } from '../../control/api.js'
import { exitCodes } from '../../control/api.js'
import type { CommonOptions } from '../context.js'
import { connect, withCommonOptions } from '../context.js'
import { CommandExit } from '../exit.js'
import type { OperateOptions } from '../operate.js'
import { operateAndShow } from '../operate.js'
import { seconds } from './rollouts.js'

type Options = CommonOptions & OperateOptions

/** `pause`, `resume`, `scale`, `stop` and `reload`. */
export function addSteeringCommands(program: Command): void {
  withCommonOptions(program.command('pause').argument('[services...]', 'names of services (default: all)'))
    .description('hold rollouts where they are; scaling still works')
    .action((services: string[], options: Options) => steer({ type: 'pause', services }, options))

  withCommonOptions(program.command('resume').argument('[services...]', 'names of services (default: all)'))
    .description('go on with paused rollouts')
    .action((services: string[], options: Options) => steer({ type: 'resume', services }, options))

  withTimeout(program.command('scale').argument('<service=replicas...>', 'for example web=4'))
    .description('change the number of instances; blocks until they are ready')
    .action((assignments: string[], options: Options) =>
      steer({ type: 'scale', replicas: Object.fromEntries(assignments.map(assignment)) }, options),
    )

  withTimeout(
    program.command('stop').argument('[services...]', 'names of services (default: all, and the supervisor)'),
  )
    .description('drain and stop; blocks until every instance is gone')
    .action((services: string[], options: Options) => steer({ type: 'stop', services }, options))

  withTimeout(program.command('reload'))
    .description('reread the configuration, show what changed, roll only that (as SIGHUP does)')
    .action((options: Options) => steer({ type: 'reload' }, options))
}

const withTimeout = (command: Command): Command =>
  withCommonOptions(command).option(
    '--timeout <seconds>',
    'give up waiting after this time (exit 4); what was begun goes on',
    seconds,
  )

async function steer(operation: Operation, options: Options): Promise<void> {
  process.exitCode = await operateAndShow(await connect(options), operation, options)
}

function assignment(text: string): [string, number] {
  const [, service, replicas] = /^([^=]+)=(\d+)$/.exec(text) ?? []
  if (service === undefined)
    throw new CommandExit(
      exitCodes.usage,
      `"${text}" is not understood; service=replicas was expected, for example web=4`,
    )
  return [service, Number(replicas)]
}
