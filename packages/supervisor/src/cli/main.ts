import { Command, CommanderError } from 'commander'
import { exitCodes } from '../control/api.js'
import { version } from '../version.js'
import { addCompletionCommand } from './commands/completion.js'
import { addKubernetesCommand } from './commands/kubernetes.js'
import { addLogsCommand } from './commands/logs.js'
import { addLookingCommands } from './commands/look.js'
import { addRolloutCommands } from './commands/rollouts.js'
import { addServeCommands } from './commands/serve.js'
import { addSteeringCommands } from './commands/steer.js'
import { addSystemdCommand } from './commands/systemd.js'
import { addVerifyCommand } from './commands/verify.js'
import { splitAtDashes } from './dashes.js'
import { CommandExit } from './exit.js'
import { watchOutput } from './output/lost-output.js'
import { say } from './output/talk.js'

function commandLine(afterDashes: string[] | null): Command {
  const program = new Command('handover')
    .description('Rolling upgrades of network services without a dropped connection')
    .version(version)
    .exitOverride()
    .showHelpAfterError("('handover --help' lists the commands)")
    // Commander writes two sentences: "argument 'x' is invalid. wanted …"
    .configureOutput({ outputError: (text, write) => write(text.replace(' is invalid. ', ' is invalid, ')) })
  addServeCommands(program, afterDashes)
  addRolloutCommands(program)
  addSteeringCommands(program)
  addLookingCommands(program)
  addLogsCommand(program)
  addVerifyCommand(program)
  addSystemdCommand(program, afterDashes)
  addKubernetesCommand(program)
  addCompletionCommand(program)
  for (const command of program.commands) command.exitOverride()
  return program
}

async function main(args: string[]): Promise<void> {
  const [own, afterDashes] = splitAtDashes(args)
  try {
    if (process.platform !== 'linux')
      throw new CommandExit(exitCodes.usage, `the platform is "${process.platform}", wanted Linux`)
    await commandLine(afterDashes).parseAsync(own, { from: 'user' })
  } catch (error) {
    process.exitCode = endWith(error)
  }
}

function endWith(error: unknown): number {
  if (error instanceof CommandExit) {
    if (error.message !== '') say(`handover: ${error.message}`)
    return error.exitCode
  }
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  throw error
}

watchOutput()

await main(process.argv.slice(2))
