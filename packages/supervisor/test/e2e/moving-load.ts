import assert from 'node:assert/strict'
import { parseIdentify } from '../../dist/verify/index.js'
import type { LoadOptions, LoadReport, Target } from '../../dist/verify/index.js'

const slowClients = 4
const uploadingClients = 1

/** The fewest connections that `movingLoad` keeps open: the slow ones and the uploads come on top. */
export const keptConnections = 32

/** Connections that stay: none of these workloads opens another one unless the service has ended it. */
export function movingLoad(target: Target): LoadOptions {
  const identify = parseIdentify('header:x-process')
  assert.ok(identify.ok)
  return {
    target,
    identify: identify.value,
    workloads: {
      keepAlive: [
        { connections: 15, thinkMs: [0, 200] },
        { connections: 15, thinkMs: [200, 2000] },
      ],
      slow: { concurrency: slowClients, path: '/', ms: [300, 1000] },
      uploads: { concurrency: uploadingClients, bytes: 100_000, path: '/upload' },
      pipelining: { connections: 2, depth: 2 },
    },
  }
}

/** Clients come one after the other, and half of them think before they connect. */
export const allConnected = ({ connections }: LoadReport): boolean =>
  connections.opened === keptConnections + slowClients + uploadingClients

export function assertNothingClosed({ failed, failures, answered, workloads }: LoadReport): void {
  assert.deepEqual({ failed, failures: failures.slice(0, 5) }, { failed: 0, failures: [] })
  assert.ok(answered > 1000, `only ${answered}`)
  for (const { name, connections } of workloads) {
    const { closedIdle, resetIdle, announcedCloses } = connections
    assert.deepEqual(
      { name, closedIdle, resetIdle, announcedCloses },
      { name, closedIdle: 0, resetIdle: 0, announcedCloses: 0 },
    )
  }
}
