import { runVerify } from '../packages/supervisor/dist/verify/index.js'

/**
 * Rolls a service under the load of 50 keep-alive clients. Returns the p99 of the requests that overlap a roll and of
 * all others, in milliseconds, and what was lost.
 */
export async function latencyOverRolls(port, rolls, roll) {
  const result = await runVerify({
    load: {
      target: { host: '127.0.0.1', port },
      workloads: { keepAlive: [{ connections: 50, thinkMs: [0, 50] }] },
    },
    upgrades: rolls,
    pauseSeconds: [0.5, 1],
    async upgrade() {
      const start = performance.now()
      await roll()
      return { ok: true, ms: performance.now() - start }
    },
  })
  if (!result.ok) throw new Error(result.failure.message)
  const { connections, failed, latency, requests } = result.value.load
  return {
    during: latency.duringUpgrade.p99Ms,
    outside: latency.otherwise.p99Ms,
    requests,
    failed,
    closed: connections.closedIdle + connections.resetIdle + connections.announcedCloses,
  }
}
