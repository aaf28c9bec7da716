import { dirname } from 'node:path'
import type { Command } from 'commander'
import { tail } from '../../tail.js'
import type { CommonOptions } from '../context.js'
import { connect, withCommonOptions } from '../context.js'
import { valueOf } from '../exit.js'
import { print } from '../output/talk.js'
import { positiveInteger } from './rollouts.js'

interface LogsOptions extends CommonOptions {
  follow?: boolean
  lines: number
}

/** `logs`: the output of the instances. Reads the files directly; the supervisor only names them. */
export function addLogsCommand(program: Command): void {
  withCommonOptions(program.command('logs').argument('[service]'))
    .description('show the output of the instances')
    .option('-f, --follow', 'keep printing new lines')
    .option('--lines <number>', 'last lines of each instance to print', positiveInteger, 20)
    .action(logs)
}

async function logs(service: string | undefined, options: LogsOptions): Promise<void> {
  const files = valueOf(await (await connect(options)).logs(service))
  const folders = [...new Set(files.map(({ path }) => dirname(path)))]
  const onLine = (instance: string, line: string) =>
    print(options.json ? JSON.stringify({ instance, line }) : `${instance} | ${line}`)
  const following = tail({ folders, last: options.lines, onLine })
  if (!options.follow) return following.close()
  process.once('SIGINT', () => {
    following.close()
    process.exit(130)
  })
}
