// Requests that fail while a service is upgraded: handover beside PM2, node:cluster, nginx and gunicorn, each under the
// same load. Raw sockets, nothing is sent twice. Writes docs/pictures/failed-requests.json, which `npm run pictures`
// draws. Needs nginx and gunicorn on the PATH; installs PM2 into a folder of its own. `UPGRADES=3` for a short run.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from '../packages/testkit/dist/index.js'
import { runVerify } from '../packages/supervisor/dist/verify/index.js'
import { gunicorn } from './contenders/gunicorn.mjs'
import { handover } from './contenders/handover.mjs'
import { nginx } from './contenders/nginx.mjs'
import { nodeCluster } from './contenders/node.mjs'
import { installPm2, pm2 } from './contenders/pm2.mjs'

const upgrades = Number(process.env.UPGRADES ?? 10)
const output = new URL('../docs/pictures/failed-requests.json', import.meta.url)
const load = { keepAliveClients: 50, thinkMs: [0, 50], newConnectionsPerSecond: 100 }
const home = mkdtempSync(join(tmpdir(), 'handover-bench-'))

try {
  const contenders = [
    ['handover', handover(home)],
    ['gunicorn, sync, no keep-alive', gunicorn(home, 'sync')],
    ['gunicorn, gthread', gunicorn(home, 'gthread')],
    ['nginx, reload', nginx(home)],
    ['nginx, new binary', nginx(home, { binary: true })],
    ['node:cluster', nodeCluster()],
    ['PM2', pm2(installPm2(home), home, { graceful: true })],
  ]
  const results = []
  for (const [name, contender] of contenders) {
    results.push(await measure(name, contender))
    console.log(JSON.stringify(results.at(-1)))
  }
  const machine = { node: process.versions.node, cores: availableParallelism(), kernel: kernelRelease() }
  writeFileSync(output, `${JSON.stringify({ machine, load, upgrades, results }, null, 2)}\n`)
} finally {
  rmSync(home, { recursive: true, force: true })
}

async function measure(name, contender) {
  const port = await freePort()
  await contender.start(port)
  try {
    const result = await runVerify({
      load: {
        target: { host: '127.0.0.1', port },
        workloads: {
          keepAlive: [{ connections: load.keepAliveClients, thinkMs: load.thinkMs }],
          newConnections: { perSecond: load.newConnectionsPerSecond },
        },
      },
      upgrades,
      pauseSeconds: [1, 1.5],
      async upgrade() {
        const start = performance.now()
        await contender.roll()
        return { ok: true, ms: performance.now() - start }
      },
    })
    if (!result.ok) throw new Error(`${name}: ${result.failure.message}`)
    return summary(name, contender, result.value)
  } finally {
    await contender.stop()
    await wait(500) // the next one is measured on a quiet machine
  }
}

function summary(name, { version, setup, command }, report) {
  const { requests, failed, inFlight, outcomes, connections } = report.load
  if (inFlight > 0 || outcomes.clientError > 0)
    throw new Error(`${name}: ${inFlight} in flight and ${outcomes.clientError} client errors, wanted none`)
  const keepAlive = report.load.workloads.find((workload) => workload.name.startsWith('keep-alive'))
  const newConnections = report.load.workloads.find((workload) => workload.name === 'new connections')
  const kinds = Object.entries(outcomes).filter(([kind, count]) => kind !== 'answered' && count > 0)
  return {
    name,
    version,
    setup,
    command,
    upgrades: report.upgrades.length,
    requests,
    failed,
    failedPerUpgrade: failed / report.upgrades.length,
    outcomes: Object.fromEntries(kinds),
    failedOnKeptConnections: failures(keepAlive),
    failedOnNewConnections: failures(newConnections),
    idleConnectionsClosed: connections.closedIdle + connections.resetIdle,
  }
}

function failures({ requests, outcomes }) {
  return requests - outcomes.answered
}

function kernelRelease() {
  return /^\S+ \S+ (\S+)/.exec(readFileSync('/proc/version', 'utf8'))[1].replace(/[-+].*/, '')
}
