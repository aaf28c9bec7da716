import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import type { Failure, Result, ServiceSpec } from '../model/index.js'
import { diffServices } from '../config/diff.js'
import { describeEvent, failed, ok } from '../model/index.js'
import {
  kernelStats,
  lockFile,
  openJournal,
  openProcesses,
  openReleases,
  openSockets,
  systemClock,
} from '../adapters/index.js'
import { prepareLaunch } from '../adapters/launch/index.js'
import { openMemoryGauge } from '../adapters/memory.js'
import { openProber } from '../adapters/probes/index.js'
import type { ServiceManager, ServiceManagerSockets } from '../systemd/manager/index.js'
import { openServiceManager, readUnitLimits } from '../systemd/manager/index.js'
import { drainWarnings } from '../systemd/units/index.js'
import type { Paths } from '../config/paths.js'
import { createFolders } from '../config/paths.js'
import { serveControl } from '../control/server.js'
import type { Engine } from '../engine/index.js'
import { createEngine } from '../engine/index.js'
import type { Journal, World } from '../ports.js'
import { version } from '../version.js'
import type { SpecReader } from '../config/reader.js'
import { announce } from './announce.js'
import { operate, runningSpecs } from './operations/index.js'
import { supervisor } from './supervisor.js'
import { handleSignals } from './signals.js'

export interface DaemonOptions {
  paths: Paths
  source: SpecReader
  /** Where instances' output goes: their own files, or the supervisor's standard output. */
  stdio: 'file' | 'inherit'
  /** Takes the supervisor's own log lines. */
  log: (line: string) => void
  /** Called on SIGUSR1: the log was moved away. */
  reopenLogs: () => void
}

export interface Daemon {
  /** Resolves once everything was asked to stop and has. */
  finished: Promise<void>
  /** Names of the services that were started. */
  services: string[]
}

/** The composition root: the only place that knows the adapters and the engine both. */
export async function runDaemon(options: DaemonOptions): Promise<Result<Daemon>> {
  // First of all: no child is to have what systemd said to us.
  const manager = openServiceManager(process.env, options.log)
  const daemon = await startDaemon(options, manager)
  if (!daemon.ok) manager.notify({ STATUS: daemon.failure.message, ...errnoOf(daemon.failure) })
  return daemon
}

async function startDaemon(options: DaemonOptions, manager: ServiceManager): Promise<Result<Daemon>> {
  const { paths, source, log } = options
  const specs = await source.read()
  if (!specs.ok) return specs
  const folders = createFolders(paths, process.getuid?.() ?? 0)
  if (!folders.ok) return folders
  const lock = lockFile(paths.lock)
  if (!lock.ok) return failed('Usage', alreadyRuns(paths.name, lock.failure))

  const journal = openJournal(paths.journal)
  if (!journal.ok) {
    lock.value.release()
    return journal
  }
  const listeners = specs.value.flatMap(({ listen }) => Object.values(listen))
  const sockets = manager.sockets(openSockets(), () => listeners)
  const engine = createEngine(openWorld(options, journal.value, sockets))
  const unsubscribe = engine.subscribe((event) => {
    const line = describeEvent(event)
    if (line !== null) log(line)
  })
  const begun = await begin(engine, specs.value, log)
  if (!begun.ok) {
    engine.close()
    lock.value.release()
    return begun
  }

  const identity = { name: paths.name, version, startedAt: Date.now(), logs: paths.logs }
  const stopped = allStopped(engine)
  const server = await serveControl(paths.control, supervisor(identity, engine, source))
  const forgetSignals = handleSignals({ engine, source, log, reopenLogs: options.reopenLogs })
  begun.value.go()
  for (const line of sockets.settle()) log(line)
  if (manager.present) void warnOfLimits(specs.value, log)
  const endAnnouncing = announce(manager, engine, () => void giveUp(engine, source, manager, log))

  const finished = stopped.then(async () => {
    endAnnouncing()
    forgetSignals()
    unsubscribe()
    await closeControl(server)
    engine.close()
    lock.value.release()
  })
  return ok({ finished, services: specs.value.map(({ name }) => name) })
}

/**
 * Looks whether everything can be started before anything is. Services that an earlier supervisor left running
 * are gone on with: only what the configuration changed since is rolled.
 */
async function begin(
  engine: Engine,
  specs: ServiceSpec[],
  log: (line: string) => void,
): Promise<Result<{ go(): void }>> {
  const restored = await engine.restore()
  if (!restored.ok) return restored
  for (const { state } of engine.services())
    if (state.stopped && !specs.some(({ name }) => name === state.name)) engine.forget(state.name)
  const running = runningSpecs(engine)
  const difference = diffServices(running, specs)
  const admitted = engine.admit(specs.filter(({ name }) => difference.added.includes(name)))
  if (!admitted.ok) return admitted
  return ok({
    go() {
      if (running.length > 0) for (const line of difference.lines) log(line)
      for (const spec of specs) {
        const cause = difference.added.includes(spec.name) ? 'start' : 'config'
        const answer =
          cause === 'start' || difference.changed.includes(spec.name) ? engine.apply(spec, cause) : ok(true)
        if (!answer.ok) log(`${spec.name}: ${answer.failure.message}`)
      }
      for (const name of difference.removed) engine.command(name, { type: 'Stop' })
    },
  })
}

/** Resolves once every service was asked to stop and none of their instances is left. */
function allStopped(engine: Engine): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = engine.subscribe((event) => {
      if (event.type !== 'ServiceStopped') return
      const states = engine.services().map(({ state }) => state)
      if (!states.every((state) => state.stopping && state.instances.length === 0)) return
      unsubscribe()
      resolve()
    })
  })
}

/** Lets answers that are under way reach their clients, for a second at most. */
async function closeControl(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), 1000)
  await new Promise((resolve) => server.close(resolve))
  clearTimeout(cut)
}

/** Says at the start what the unit does not allow for; while an instance drains it is too late. */
async function warnOfLimits(specs: ServiceSpec[], log: (line: string) => void): Promise<void> {
  const limits = await readUnitLimits()
  if (limits) for (const line of drainWarnings(specs, limits)) log(`warning: ${line}`)
}

/** Under a service manager a start that fails is one: it restarts us, or says so. Alone, we go on trying. */
async function giveUp(
  engine: Engine,
  source: SpecReader,
  manager: ServiceManager,
  log: (line: string) => void,
): Promise<void> {
  if (!manager.present) return
  log('a service could not be started: stopping')
  process.exitCode = 1
  await operate(engine, source, { type: 'stop' }, () => {})
}

const errnoOf = ({ code }: Failure): Record<string, number> =>
  code === 'Usage' ? { ERRNO: constants.errno.EINVAL } : {}

function openWorld(
  { paths, stdio, log }: DaemonOptions,
  journal: Journal,
  sockets: ServiceManagerSockets,
): World {
  const said = new Set<string>()
  const sayOnce = (line: string) => {
    if (!said.has(line)) log(line)
    said.add(line)
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
        if (plan.ok && plan.value.note) sayOnce(`${revision.spec.name}: ${plan.value.note}`)
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

const alreadyRuns = (name: string, failure: Failure): string =>
  `a supervisor named "${name}" runs already (${failure.message}); choose another --name or stop it with 'handover stop --name ${name}'`
