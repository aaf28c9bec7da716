import { createRequire } from 'node:module'
import {
  kernelStats,
  openMemoryGauge,
  openProber,
  openProcesses,
  openReleases,
  prepareLaunch,
  systemClock,
} from '../adapters/index.js'
import type { Journal, World } from '../ports.js'
import type { ServiceManagerSockets } from '../systemd/manager/index.js'
import type { DaemonOptions } from './options.js'

/** The operating system, as the engine sees it. */
export function openWorld(
  { paths, stdio, log }: DaemonOptions,
  journal: Journal,
  sockets: ServiceManagerSockets,
): World {
  const logged = new Set<string>()
  const logOnce = (line: string) => {
    if (!logged.has(line)) log(line)
    logged.add(line)
  }
  const preload = createRequire(import.meta.url).resolve('@handover/process/register')
  return {
    clock: systemClock(),
    sockets,
    processes: openProcesses({
      runDir: paths.run,
      logDir: paths.logs,
      stdio,
      log,
      prepare(revision, firstTcpPort) {
        const plan = prepareLaunch(revision, { preload, baseEnv: process.env, firstTcpPort })
        if (plan.ok && plan.value.note) logOnce(`${revision.spec.name}: ${plan.value.note}`)
        return plan
      },
    }),
    prober: openProber(),
    memory: openMemoryGauge(),
    journal,
    kernel: kernelStats(),
    releases: openReleases(),
  }
}
