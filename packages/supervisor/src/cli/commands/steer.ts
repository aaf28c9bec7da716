import type { Command } from 'commander'
import type { Operation } from '../../control/api.js'
import { exitCodes } from '../../control/api.js'
import type { CommonOptions } from '../context.js'
import { connect, withCommonOptions } from '../context.js'
import { CommandExit } from '../exit.js'
import type { OperateOptions } from '../operate.js'
import { operateAndShow } from '../operate.js'
import { replacedConfig } from '../replaced-config.js'
import { seconds } from './rollouts.js'

type Options = CommonOptions & OperateOptions

/** `pause`, `resume`, `scale`, `stop` and `reload`. */
export function addSteeringCommands(program: Command): void {
  withCommonOptions(program.command('pause').argument('[services...]', 'names of services (default: all)'))
    .description('pause rollouts; scaling still works')
    .action((services: string[], options: Options) => steer({ type: 'pause', services }, options))

  withCommonOptions(program.command('resume').argument('[services...]', 'names of services (default: all)'))
    .description('resume paused rollouts')
    .action((services: string[], options: Options) => steer({ type: 'resume', services }, options))

  withTimeout(program.command('scale').argument('<service=replicas...>', 'for example web=4'))
    .description('change the number of instances; waits until they are ready')
    .action((assignments: string[], options: Options) =>
      steer({ type: 'scale', replicas: Object.fromEntries(assignments.map(assignment)) }, options),
    )

  withTimeout(
    program.command('stop').argument('[services...]', 'names of services (default: all, and the supervisor)'),
  )
    .description('drain and stop; waits until every instance is gone')
    .action((services: string[], options: Options) => steer({ type: 'stop', services }, options))

  withTimeout(program.command('reload'))
    .description('read the configuration again and roll out what changed (like SIGHUP)')
    .action((options: Options) => steer({ type: 'reload' }, options))
}

const withTimeout = (command: Command): Command =>
  withCommonOptions(command).option(
    '--timeout <seconds>',
    'stop waiting after this time (exit 4); the operation continues',
    seconds,
  )

async function steer(operation: Operation, options: Options): Promise<void> {
  const client = await connect(options)
  const asked =
    operation.type === 'reload' ? { ...operation, ...(await replacedConfig(client, options)) } : operation
  process.exitCode = await operateAndShow(client, asked, options)
}

function assignment(text: string): [string, number] {
  const [, service, replicas] = /^([^=]+)=(\d+)$/.exec(text) ?? []
  if (service === undefined)
    throw new CommandExit(
      exitCodes.usage,
      `the argument is "${text}", wanted service=replicas, for example web=4`,
    )
  return [service, Number(replicas)]
}
