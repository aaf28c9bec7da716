import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Result } from '../model/index.js'
import { ok } from '../model/index.js'
import { createFolders } from '../config/paths.js'
import { exitCodes } from '../control/api.js'
import { controlClient } from '../control/client.js'
import type { CommonOptions } from './context.js'
import { pathsOf } from './context.js'
import { CommandExit, valueOf } from './exit.js'
import { operateAndShow } from './operate.js'
import { statusLines } from './output/status.js'
import { painter, print, printJson } from './output/talk.js'

/**
 * Starts `handover run` with the same arguments in the background and stays until every service is ready.
 * A start that fails leaves nothing behind: what was begun is stopped again.
 */
export async function startInBackground(options: CommonOptions, args: string[]): Promise<number> {
  const paths = await pathsOf(options)
  valueOf(createFolders(paths, process.getuid?.() ?? 0))
  valueOf(await launch(paths.supervisorLog, args))

  const client = controlClient(paths.control, paths.name)
  const exitCode = await operateAndShow(
    client,
    { type: 'await' },
    { json: false, quiet: options.json === true },
  )
  if (exitCode !== exitCodes.done) {
    const stopping = valueOf(await client.operate({ type: 'stop' }))
    for await (const _line of stopping); // until it has ended
    return exitCode
  }
  const status = valueOf(await client.status())
  if (options.json) printJson(status)
  else for (const line of statusLines(status, painter(process.stdout), Date.now())) print(line)
  return exitCode
}

/** The supervisor reports once, over a channel that is closed right after: it must not depend on us. */
async function launch(log: string, args: string[]): Promise<Result<true>> {
  const bin = fileURLToPath(new URL('../../bin/handover.js', import.meta.url))
  const fd = openSync(log, 'a', 0o600)
  const child = spawn(process.execPath, [bin, 'run', ...args], {
    detached: true,
    stdio: ['ignore', fd, fd, 'ipc'],
    env: { ...process.env, HANDOVER_BACKGROUND: '1' },
  })
  closeSync(fd)
  const report = await new Promise<Result<true>>((resolve, reject) => {
    child.once('message', (message) => resolve(message as Result<true>))
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(
        new CommandExit(exitCodes.failed, `the supervisor exited with code ${code} at its start; see ${log}`),
      ),
    )
  })
  child.removeAllListeners()
  if (child.connected) child.disconnect()
  child.unref()
  return report
}

/** The other end of `launch`: said once, then the channel is closed. */
export function reportToParent(started: Result<unknown>): void {
  const report: Result<true> = started.ok ? ok(true) : started
  process.send?.(report, undefined, undefined, () => {
    if (process.connected) process.disconnect()
  })
}

/** SIGUSR1: the log file was moved away; standard output and error go to a new one of the same name. */
export function reopenLog(path: string): void {
  // open(2) gives the lowest free descriptor, which is the one just closed: nothing else of ours runs between.
  for (const descriptor of [1, 2]) {
    closeSync(descriptor)
    openSync(path, 'a', 0o600)
  }
}
