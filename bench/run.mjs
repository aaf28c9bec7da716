// Side by side, in one run: what an upgrade costs, what serving costs, what the supervisor weighs. Ratios mean
// something, milliseconds only beside each other. Needs wrk on the PATH; installs PM2 into a folder of its own.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../packages/testkit/dist/index.js'
import { handover } from './contenders/handover.mjs'
import { bareNode, nodeCluster } from './contenders/node.mjs'
import { installPm2, pm2 } from './contenders/pm2.mjs'
import { latencyOverRolls } from './latency.mjs'

const rounds = Number(process.env.ROUNDS ?? 15)
const home = mkdtempSync(join(tmpdir(), 'handover-bench-'))

try {
  const pm2Folder = installPm2(home)
  const boot = median(await times(rounds, bootOnce))
  const results = [
    await measure('bare node', bareNode()),
    await measure('node:cluster', nodeCluster()),
    await measure('PM2', pm2(pm2Folder, home)),
    await measure('handover', handover(home)),
  ]
  show(boot, results)
} finally {
  rmSync(home, { recursive: true, force: true })
}

/** Starts the contender, rolls it on an idle service and under load, loads it with wrk, weighs its supervisor, ends it. */
async function measure(name, contender) {
  const port = await freePort()
  await contender.start(port)
  try {
    const roll = contender.roll ? median(await times(rounds, contender.roll)) : null
    return {
      name,
      roll,
      latency: contender.roll ? await latencyOverRolls(port, rounds, contender.roll) : null,
      keepAlive: requestsPerSecond(port, []),
      perConnection: requestsPerSecond(port, ['-H', 'Connection: close']),
      supervisor: contender.supervisorPid ? rssMiB(await contender.supervisorPid()) : null,
    }
  } finally {
    await contender.stop()
  }
}

async function bootOnce() {
  const service = bareNode()
  await service.start(await freePort())
  await service.stop()
}

function show(boot, results) {
  const bare = results[0]
  console.log(
    `one boot of the application, to its end: ${boot.toFixed(0)} ms; a roll of 2 instances has two boots in it\n`,
  )
  table([
    ['', 'roll ms', 'keep-alive req/s', 'of bare', 'connection each req/s', 'of bare', 'supervisor MiB'],
    ...results.map(({ name, roll, keepAlive, perConnection, supervisor }) => [
      name,
      roll === null ? '' : roll.toFixed(0),
      keepAlive.toFixed(0),
      (keepAlive / bare.keepAlive).toFixed(2),
      perConnection.toFixed(0),
      (perConnection / bare.perConnection).toFixed(2),
      supervisor === null ? '' : supervisor.toFixed(1),
    ]),
  ])
  console.log('\n50 keep-alive clients over as many rolls: p99 of a request in milliseconds\n')
  table([
    ['', 'during rolls', 'otherwise', 'ratio', 'requests', 'failed', 'closed'],
    ...results
      .filter(({ latency }) => latency !== null)
      .map(({ name, latency: { during, outside, requests, failed, closed } }) => [
        name,
        during.toFixed(1),
        outside.toFixed(1),
        (during / outside).toFixed(1),
        String(requests),
        String(failed),
        String(closed),
      ]),
  ])
}

function table(rows) {
  for (const row of rows)
    console.log(row.map((cell, column) => (column === 0 ? cell.padEnd(14) : cell.padStart(22))).join(''))
}

function requestsPerSecond(port, headers) {
  const output = execFileSync('wrk', ['-t1', '-c64', '-d3s', ...headers, `http://127.0.0.1:${port}/`], {
    encoding: 'utf8',
  })
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)[1])
}

function rssMiB(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

async function times(number, what) {
  const all = []
  for (let i = 0; i < number; i++) {
    const start = performance.now()
    await what()
    all.push(performance.now() - start)
  }
  return all
}

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1]
}
