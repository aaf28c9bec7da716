import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const inRepository = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

export function handover(home) {
  const run = (...args) =>
    execute(
      process.execPath,
      [inRepository('packages/supervisor/bin/handover.js'), ...args, '--name', 'bench'],
      {
        env: { ...process.env, HANDOVER_HOME: home },
      },
    )
  return {
    version: JSON.parse(readFileSync(inRepository('packages/supervisor/package.json'), 'utf8')).version,
    setup: 'bench/app.cjs, -i 2',
    command: 'handover upgrade',
    start: (port) => run('start', inRepository('bench/app.cjs'), '-i', '2', '-p', String(port)),
    roll: () => run('upgrade'),
    supervisorPid: async () => JSON.parse((await run('status', '--json')).stdout).supervisor.pid,
    stop: () => run('stop'),
  }
}
