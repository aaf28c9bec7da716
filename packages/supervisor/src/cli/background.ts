import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Result } from '../model/index.js'
import { createFolders } from '../config/paths.js'
import type { Paths } from '../config/paths.js'
import { readSpecs } from '../config/source.js'
import type { SpecSource } from '../config/source.js'
import { exitCodes } from '../control/api.js'
import { controlClient } from '../control/client.js'
import type { BackgroundOrder } from '../daemon/background.js'
import { CommandExit, valueOf } from './exit.js'
import { smallHeap } from './small-heap.js'
import { operateAndShow } from './operate.js'
import { continueWithoutReader } from './output/lost-output.js'
import { statusLines } from './output/status.js'
import { painter, print, printJson } from './output/talk.js'

/**
 * Starts a supervisor in the background and waits until every service is ready. If the start fails, what was
 * started is stopped again.
 */
export async function startInBackground(paths: Paths, source: SpecSource, json: boolean): Promise<number> {
  const specs = valueOf(await readSpecs(source))
  continueWithoutReader()
  valueOf(createFolders(paths, process.getuid?.() ?? 0))
  valueOf(await launch({ paths, source, specs }))

  const client = controlClient(paths.control, paths.name)
  const exitCode = await operateAndShow(client, { type: 'await' }, { quiet: json })
  if (exitCode !== exitCodes.done) {
    const stopping = valueOf(await client.operate({ type: 'stop' }))
    for await (const _line of stopping); // until it has stopped
    return exitCode
  }
  const status = valueOf(await client.status())
  if (json) printJson(status)
  else for (const line of statusLines(status, painter(process.stdout), Date.now())) print(line)
  return exitCode
}

/** Closes the IPC channel after the report: the supervisor must not depend on the process that started it. */
async function launch(order: BackgroundOrder): Promise<Result<true>> {
  const { name, supervisorLog: log } = order.paths
  const program = fileURLToPath(new URL('../daemon/background.js', import.meta.url))
  const { keepDescriptorsFromChildren } = await import('../daemon/descriptors.js')
  keepDescriptorsFromChildren()
  const fd = openSync(log, 'a', 0o600)
  const child = spawn(process.execPath, [...smallHeap, program, name], {
    detached: true,
    stdio: ['ignore', fd, fd, 'ipc'],
  })
  closeSync(fd)
  child.send(order)
  const report = await new Promise<Result<true>>((resolve, reject) => {
    child.once('message', (message) => resolve(message as Result<true>))
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(
        new CommandExit(
          exitCodes.failed,
          `the supervisor exited with code ${code} while it started; see "${log}"`,
        ),
      ),
    )
  })
  child.removeAllListeners()
  if (child.connected) child.disconnect()
  child.unref()
  return report
}
