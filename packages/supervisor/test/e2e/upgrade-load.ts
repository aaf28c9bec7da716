import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Rig } from '@handover/testkit'
import { freePort } from '@handover/testkit'
import type { ServiceStatus } from 'handover/model'
import { parseIdentify, runVerify } from '../../dist/verify/index.js'
import type { VerifyOptions, VerifyReport, Workloads } from '../../dist/verify/index.js'

const apps = fileURLToPath(new URL('../../test/fixtures/apps/', import.meta.url))

/** Two instances of an application below `fixtures/apps`; gives their port. */
export async function startService(rig: Rig, app: string, options: object = {}): Promise<number> {
  const port = await freePort()
  const command = ['node', join(apps, app)]
  const services = { web: { command, replicas: 2, listen: { http: port }, ...options } }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  return port
}

/** The state of that service. */
export async function web(rig: Rig): Promise<ServiceStatus> {
  const { services } = await rig.status()
  return services[0] ?? assert.fail('the service is not there')
}

/** Whether there are two instances of the target revision, and no others. */
export const isAtRest = ({ rollout, instances, revision, ready }: ServiceStatus): boolean =>
  rollout === null &&
  ready === 2 &&
  instances.length === 2 &&
  instances.every((one) => one.revision === revision)

/**
 * Clients on raw sockets that keep their connections: 50 that ask again soon and 50 that think for seconds, ten that
 * wait for slow replies, four that send a head and a body in pieces, four that pipeline. They leave half of a core to
 * the instances: without that, an upgrade takes seconds, and no more of what can go wrong is tried.
 */
export const steadyWorkloads: Workloads = {
  keepAlive: [
    { connections: 50, thinkMs: [0, 250] },
    { connections: 50, thinkMs: [200, 3000] },
  ],
  slow: { concurrency: 10, path: '/', ms: [200, 2000] },
  uploads: { concurrency: 4, bytes: 20_000, path: '/upload' },
  pipelining: { connections: 4, depth: 4 },
}

/** Upgrades under load, on raw sockets. Every answer is checked, and the account of every instance. */
export async function upgradeUnderLoad(
  rig: Rig,
  port: number,
  {
    workloads = steadyWorkloads,
    ...options
  }: Pick<VerifyOptions, 'upgrades' | 'pauseSeconds' | 'coolDownSeconds' | 'onProgress' | 'signal'> & {
    workloads?: Workloads
  },
): Promise<VerifyReport> {
  const identify = parseIdentify('header:x-process')
  assert.ok(identify.ok)
  const result = await runVerify({
    load: {
      target: { host: '127.0.0.1', port },
      identify: identify.value,
      workloads,
    },
    pauseSeconds: [0, 0.2],
    coolDownSeconds: 3,
    upgrade: async () => {
      const { code, receipt, stderr } = await rig.upgrade()
      for (const { id, account, unaccounted } of receipt.instances) {
        if (account) assert.equal(unaccounted, 0, `${id}: ${JSON.stringify(account)}`)
      }
      return { ok: code === 0, ms: receipt.wallMs, message: stderr }
    },
    ...options,
  })
  assert.ok(result.ok, result.ok ? '' : result.failure.message)
  return result.value
}

/** How many connections the service ended: unasked, or announced with `Connection: close`. */
export function closedConnections({ connections }: Pick<VerifyReport['load'], 'connections'>): number {
  const { closedIdle, resetIdle, announcedCloses } = connections
  return closedIdle + resetIdle + announcedCloses
}

/** Resolves when the command has logged so many lines. Rejects when it ends before. */
export function logged(command: ChildProcess, lines: number): Promise<void> {
  const { stderr } = command
  assert.ok(stderr)
  return new Promise((resolve, reject) => {
    let left = lines
    createInterface({ input: stderr }).on('line', () => --left === 0 && resolve())
    command.once('exit', (code) => reject(new Error(`upgrade exited with ${code}`)))
  })
}
