import type { Command } from 'commander'
import type { CommonOptions } from '../context.js'
import { connect, withCommonOptions } from '../context.js'
import { valueOf } from '../exit.js'
import { historyLines } from '../output/history.js'
import { redraw } from '../output/redraw.js'
import { statusLines } from '../output/status.js'
import { painter, print, printJson } from '../output/talk.js'

/** `status`, `history` and `explain`: the commands that change nothing. */
export function addLookingCommands(program: Command): void {
  withCommonOptions(program.command('status'))
    .description('show instances, and what a rollout is waiting for')
    .option('-w, --watch', 'keep showing changes')
    .action((options: CommonOptions & { watch?: boolean }) =>
      options.watch ? watch(options) : status(options),
    )

  withCommonOptions(program.command('history').argument('[service]'))
    .description('show revisions and the receipts of their rollouts')
    .action(async (service: string | undefined, options: CommonOptions) => {
      const histories = valueOf(await (await connect(options)).history(service))
      if (options.json) return printJson(histories)
      for (const line of historyLines(histories, painter(process.stdout))) print(line)
    })

  withCommonOptions(program.command('explain').argument('[service]'))
    .description('explain what a rollout is waiting for')
    .action(async (service: string | undefined, options: CommonOptions) => {
      const explanations = valueOf(await (await connect(options)).explain(service))
      if (options.json) return printJson(explanations)
      for (const { service: name, lines } of explanations) {
        print(name)
        for (const line of lines) print(`  ${line}`)
      }
    })
}

async function status(options: CommonOptions): Promise<void> {
  const answer = valueOf(await (await connect(options)).status())
  if (options.json) return printJson(answer)
  for (const line of statusLines(answer, painter(process.stdout), Date.now())) print(line)
}

/** Ends with the supervisor or on Ctrl-C. With --json or without a terminal it prints every change in full. */
async function watch(options: CommonOptions): Promise<void> {
  const updates = valueOf(await (await connect(options)).watch())
  const screen = process.stdout.isTTY && !options.json ? redraw(process.stdout) : null
  const paint = painter(process.stdout)
  process.once('SIGINT', () => {
    screen?.end(true)
    process.exit(130)
  })
  for await (const line of updates) {
    if (line.type !== 'status') continue
    if (options.json) print(JSON.stringify(line.status))
    else {
      const lines = statusLines(line.status, paint, Date.now())
      if (screen) screen.draw(lines)
      else for (const text of [...lines, '']) print(text)
    }
  }
  screen?.end(true)
}
