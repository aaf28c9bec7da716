import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CommandResult } from '@handover/testkit'

const program = fileURLToPath(new URL('../test/fixtures/clients/commands.mjs', import.meta.url))

let child: ChildProcess | null = null

/**
 * `handover ARGS`, in one process for all commands of a test file: loading the client of a cluster takes longer than
 * most commands. One command at a time.
 */
export async function runCommand(
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<CommandResult> {
  const running = (child ??= start())
  running.ref()
  running.channel?.ref()
  const run = await new Promise<CommandResult>((resolve, reject) => {
    const failed = (code: number | null) =>
      reject(new Error(`the process of the commands exited with ${code} during "${args.join(' ')}"`))
    running.once('exit', failed)
    running.once('message', (answer) => {
      running.off('exit', failed)
      resolve(answer as CommandResult)
    })
    running.send({ args, cwd, env })
  })
  running.unref()
  running.channel?.unref()
  return run
}

function start(): ChildProcess {
  const started = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  started.once('exit', () => (child = null))
  return started
}
