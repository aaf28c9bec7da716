import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type { Operation } from '../../control/api.js'
import { withCommonOptions, connect } from '../context.js'
import type { CommonOptions } from '../context.js'
import { operateAndShow } from '../operate.js'
import { replacedConfig } from '../replaced-config.js'

interface RolloutOptions extends CommonOptions {
  wait?: 'complete' | 'drained'
  timeout?: number
  toRevision?: number
}

/** `upgrade`, `undo` and `restart`: the commands that start a rollout and wait for its end. */
export function addRolloutCommands(program: Command): void {
  rollout(program, 'upgrade', '[services...]')
    .description('upgrade to what is on disk now; waits until the rollout is complete or rolled back')
    .action((services: string[], options: RolloutOptions) =>
      roll({ type: 'upgrade', services, wait: options.wait }, options),
    )
  rollout(program, 'undo', '[services...]')
    .description('roll back to the previous or a given revision')
    .option('--to-revision <number>', 'revision to roll back to', positiveInteger)
    .action((services: string[], options: RolloutOptions) =>
      roll({ type: 'undo', services, toRevision: options.toRevision, wait: options.wait }, options),
    )
  rollout(program, 'restart', '[services...]')
    .description('replace every instance, with the same revision')
    .action((services: string[], options: RolloutOptions) =>
      roll({ type: 'restart', services, wait: options.wait }, options),
    )
}

const rollout = (program: Command, name: string, services: string): Command =>
  withCommonOptions(program.command(name).argument(services, 'names of services (default: all)'))
    .option('--wait <state>', "wait for 'complete' (default) or 'drained' (old instances are gone)", waitFor)
    .option('--timeout <seconds>', 'stop waiting after this time (exit 4); the rollout continues', seconds)

async function roll(operation: Operation, options: RolloutOptions): Promise<void> {
  const client = await connect(options)
  const asked =
    operation.type === 'upgrade' ? { ...operation, ...(await replacedConfig(client, options)) } : operation
  process.exitCode = await operateAndShow(client, asked, options)
}

export function positiveInteger(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('wanted a whole number, 1 or more')
  return Number(text)
}

export function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0) || value > 2_000_000)
    throw new InvalidArgumentError('wanted a number of seconds, more than 0, at most 2000000')
  return value
}

function waitFor(text: string): 'complete' | 'drained' {
  if (text !== 'complete' && text !== 'drained')
    throw new InvalidArgumentError('wanted "complete" or "drained"')
  return text
}
