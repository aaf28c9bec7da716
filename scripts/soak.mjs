// Many upgrades of one service under load, and then a look for what was left over: a failed request, a closed
// connection, a descriptor, a process, a file, or memory of the supervisor's. One of them, and it exits with 1.
//
//     npm run soak -- [--upgrades 1000] [--app hello.cjs]
//
// Ctrl-C ends it early, in order, with the account so far.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openRig } from '../packages/testkit/dist/index.js'
import {
  closedConnections,
  startService,
  steadyWorkloads,
  upgradeUnderLoad,
} from '../packages/supervisor/dist-test/e2e/upgrade-load.js'

const { values } = parseArgs({
  options: {
    upgrades: { type: 'string', default: '1000' },
    app: { type: 'string', default: 'hello.cjs' },
  },
})
const upgrades = Number(values.upgrades)
/** By then caches are warm, and the history of revisions is as long as it gets (revisionHistoryLimit is 10). */
const warmUp = 20
/** MiB. V8 lets a heap of this size breathe by about 10; the smallest leak worth finding is 40 KB an upgrade. */
const memoryBound = 24

const temporary = mkdtempSync(join(tmpdir(), 'handover-soak-'))
mkdirSync(join(temporary, 'files'))
const rig = openRig({ env: { TMPDIR: join(temporary, 'files') } })
const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort())
let faults
try {
  const port = await startService(rig, values.app)
  for (let i = 0; i < warmUp; i++) await rig.upgrade('--wait', 'drained')
  const before = await look()
  const started = performance.now()
  const report = await upgradeUnderLoad(rig, port, {
    upgrades,
    pauseSeconds: [0, 0.05],
    signal: interrupted.signal,
    workloads: steadyWorkloads,
    onProgress: ({ type, upgrade }) => type === 'upgradeEnded' && upgrade % 100 === 0 && progress(upgrade),
  })
  const seconds = (performance.now() - started) / 1000
  await rig.upgrade('--wait', 'drained')
  const after = await look()
  faults = judge(report, before, after)
  show(report, before, after, seconds)
} finally {
  await rig.close()
}
const left = processesOf(rig.home).length
if (left > 0) faults.push(`${left} processes live on after the stop`)
rmSync(temporary, { recursive: true })
for (const fault of faults) console.error(fault)
process.exitCode = faults.length === 0 ? 0 : 1

/** What there is, when no client is connected. */
async function look() {
  const { supervisor, services } = await rig.status()
  const { pid } = supervisor
  const files = readdirSync(rig.home, { recursive: true })
  return {
    memory: rssMiB(pid),
    descriptors: descriptors(pid),
    instances: services.flatMap(({ instances }) => instances.map(({ pid }) => descriptors(pid))),
    processes: processesOf(rig.home).length,
    files: files.length,
    temporary: readdirSync(join(temporary, 'files'), { recursive: true }).length,
    bytes: bytesBelow(rig.home),
  }
}

function judge({ passed, reasons, load }, before, after) {
  const faults = passed ? [] : [...reasons, ...load.failures.map((failure) => JSON.stringify(failure))]
  const closed = closedConnections(load)
  if (closed > 0) faults.push(`${closed} connections were closed`)
  for (const what of ['descriptors', 'processes', 'files', 'temporary'])
    if (after[what] > before[what]) faults.push(`${what}: ${before[what]} before, ${after[what]} after`)
  const most = Math.max(...before.instances)
  for (const open of after.instances)
    if (open > most) faults.push(`an instance has ${open} descriptors, and had ${most}`)
  if (after.memory > before.memory + memoryBound)
    faults.push(`the supervisor grew from ${before.memory.toFixed(1)} to ${after.memory.toFixed(1)} MiB`)
  return faults
}

function show({ load }, before, after, seconds) {
  const { failed, requests, connections } = load
  const node = `Node ${process.versions.node}, ${availableParallelism()} cores`
  console.log(
    `${load.upgrades.length} upgrades in ${seconds.toFixed(0)} s, ${node}: ${requests} requests, ${failed} failed; ` +
      `${connections.opened} connections, ${closedConnections(load)} closed`,
  )
  for (const what of Object.keys(before))
    console.log(what.padEnd(12), text(before[what]), '->', text(after[what]))
}

function text(value) {
  return Number.isInteger(value) || Array.isArray(value) ? String(value) : value.toFixed(1)
}

async function progress(upgrade) {
  const { supervisor } = await rig.status()
  console.log(
    `${upgrade}: ${rssMiB(supervisor.pid).toFixed(1)} MiB, ${descriptors(supervisor.pid)} descriptors`,
  )
}

function rssMiB(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

function descriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`).length
}

function bytesBelow(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return files.reduce((sum, { parentPath, name }) => sum + readFileSync(join(parentPath, name)).length, 0)
}

/** Processes with a path below `home` in their environment: supervisors, and what they have started. */
function processesOf(home) {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(home)
    } catch {
      return false // it has ended in the meantime
    }
  })
}
