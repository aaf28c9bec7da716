// Side by side, in one run: what an upgrade costs, what serving costs, what the supervisor weighs. Ratios mean
// something, milliseconds only beside each other. Needs wrk on the PATH; installs PM2 into a folder of its own.
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { freePort } from '../packages/testkit/dist/index.js'
import { latencyOverRolls } from './latency.mjs'

const rounds = Number(process.env.ROUNDS ?? 15)
const here = (file) => new URL(file, import.meta.url).pathname
const home = mkdtempSync(join(tmpdir(), 'handover-bench-'))
const app = here('app.cjs')
const execute = promisify(execFile)
const handoverBin = here('../packages/supervisor/bin/handover.js')

try {
  const pm2 = installPm2()
  const boot = median(await times(rounds, bootOnce))
  const results = [
    await measure('bare node', bareNode()),
    await measure('node:cluster', clusterRoll()),
    await measure('PM2', pm2Service(pm2)),
    await measure('handover', handoverService()),
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

function bareNode() {
  let child
  return {
    async start(port) {
      child = spawn(process.execPath, [app], {
        env: env({ PORT: port }),
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      await once(child, 'message')
    },
    stop: () => end(child),
  }
}

function clusterRoll() {
  let child
  let lines
  return {
    async start(port) {
      child = spawn(process.execPath, [here('cluster.cjs')], {
        env: env({ PORT: port }),
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
    stop: () => end(child),
  }
}

function pm2Service(bin) {
  const run = (args, port) =>
    execute(process.execPath, [bin, ...args], {
      env: env({ PM2_HOME: join(home, 'pm2'), ...(port && { PORT: String(port) }) }),
    })
  return {
    start: (port) => run(['start', app, '-i', '2', '--name', 'bench'], port),
    roll: () => run(['reload', 'bench']),
    supervisorPid: () => Number(readFileSync(join(home, 'pm2', 'pm2.pid'), 'utf8')),
    stop: () => run(['kill']),
  }
}

function handoverService() {
  const run = (...args) =>
    execute(process.execPath, [handoverBin, ...args, '--name', 'bench'], {
      env: env({ HANDOVER_HOME: home }),
    })
  return {
    start: (port) => run('start', app, '-i', '2', '-p', String(port)),
    roll: () => run('upgrade'),
    supervisorPid: async () => JSON.parse((await run('status', '--json')).stdout).supervisor.pid,
    stop: () => run('stop'),
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

function installPm2() {
  const folder = join(home, 'pm2-package')
  execFileSync('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', 'pm2'], {
    stdio: 'ignore',
  })
  return join(folder, 'node_modules', 'pm2', 'bin', 'pm2')
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

function env(more) {
  return { ...process.env, ...more }
}

async function end(child) {
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  await gone
}
