import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { terminate } from './processes.mjs'

const application = fileURLToPath(new URL('../app.cjs', import.meta.url))
const cluster = fileURLToPath(new URL('../cluster.cjs', import.meta.url))

/** One process, never upgraded: what serving costs without a supervisor. */
export function bareNode() {
  let child
  return {
    async start(port) {
      child = spawn(process.execPath, [application], {
        env: { ...process.env, PORT: String(port) },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      await once(child, 'message')
    },
    stop: () => terminate(child),
  }
}

export function nodeCluster() {
  let child
  let lines
  return {
    version: process.versions.node,
    setup: 'bench/cluster.cjs, 2 workers',
    command: 'fork(), worker.disconnect()',
    async start(port) {
      child = spawn(process.execPath, [cluster], {
        env: { ...process.env, PORT: String(port) },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      lines = createInterface(child.stdout)
      await once(lines, 'line')
    },
    async roll() {
      const rolled = once(lines, 'line')
      child.kill('SIGHUP')
      await rolled
    },
    supervisorPid: () => child.pid,
    stop: () => terminate(child),
  }
}
