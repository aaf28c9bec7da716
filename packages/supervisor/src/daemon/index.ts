import { constants } from 'node:os'
import { dirname } from 'node:path'
import type { Failure, Result, ServiceSpec } from '../model/index.js'
import { diffServices } from '../config/diff.js'
import { describeEvent, failed, ok } from '../model/index.js'
import { isFile, lineWriter, lockFile, openJournal, openSockets } from '../adapters/index.js'
import type { ServiceManager } from '../systemd/manager/index.js'
import { openServiceManager, readUnitLimits } from '../systemd/manager/index.js'
import { drainWarnings } from '../systemd/units/index.js'
import { createFolders } from '../config/paths.js'
import { serveControl } from '../control/server.js'
import type { Engine } from '../engine/index.js'
import { createEngine } from '../engine/index.js'
import { version } from '../version.js'
import type { SpecReader } from '../config/reader.js'
import { announce } from './announce.js'
import { operate, runningSpecs } from './operations/index.js'
import type { DaemonOptions } from './options.js'
import { supervisor } from './supervisor.js'
import { handleSignals } from './signals.js'
import { exitOnUncaught } from './uncaught.js'
import { startUpkeep } from './upkeep.js'
import { openWorld } from './world.js'

export interface Daemon {
  /** Resolves when all services have been stopped. */
  finished: Promise<void>
  /** Names of the services that were started. */
  services: string[]
}

/** Starts the supervisor. The composition root: only this file knows both the adapters and the engine. */
export async function runDaemon(options: DaemonOptions): Promise<Result<Daemon>> {
  const forgetUncaught = exitOnUncaught(options.log)
  // First, because it removes systemd's variables from the environment that children inherit.
  const manager = openServiceManager(process.env, options.log)
  const daemon = await startDaemon(options, manager)
  if (!daemon.ok) {
    manager.notify({ STATUS: daemon.failure.message, ...errnoOf(daemon.failure) })
    forgetUncaught()
  }
  return daemon
}

/** Writes the supervisor's lines to a descriptor: with `write`, or, if it is a file, so that a full disk does no harm. */
export const writerTo = (fd: number, write: (line: string) => void): ((line: string) => void) =>
  isFile(fd) ? lineWriter(fd) : write

async function startDaemon(options: DaemonOptions, manager: ServiceManager): Promise<Result<Daemon>> {
  const { paths, source, log } = options
  const specs = await source.read()
  if (!specs.ok) return specs
  const folders = createFolders(paths, process.getuid?.() ?? 0)
  if (!folders.ok) return folders
  const lock = lockFile(paths.lock, paths.control)
  if (!lock.ok) return failed('Usage', alreadyRuns(paths.name, lock.failure))

  const journal = openJournal(paths.journal, [dirname(paths.journal), paths.run])
  if (!journal.ok) {
    lock.value.release()
    return journal
  }
  const listeners = specs.value.flatMap(({ listen }) => Object.values(listen))
  const sockets = manager.sockets(openSockets(), () => listeners)
  const world = openWorld(options, journal.value, sockets)
  const engine = createEngine(world, log)
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
  const control = await serveControl(paths.control, supervisor(identity, engine, source))
  const endUpkeep = startUpkeep({ ...options, lock: lock.value, control, engine, processes: world.processes })
  const forgetSignals = handleSignals({ engine, source, log, reopenLogs: options.reopenLogs })
  begun.value.go()
  for (const line of sockets.settle()) log(line)
  if (manager.present) void warnOfLimits(specs.value, log)
  const endAnnouncing = announce(manager, engine, () => void giveUp(engine, source, manager, log))

  const finished = stopped.then(async () => {
    endAnnouncing()
    forgetSignals()
    unsubscribe()
    endUpkeep()
    await control.close()
    engine.close()
    source.forget()
    lock.value.release()
  })
  return ok({ finished, services: specs.value.map(({ name }) => name) })
}

/**
 * Checks that everything can be started before anything is started. Services that still run from an earlier supervisor
 * are taken over; only those that the configuration has changed since are rolled.
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

/** Resolves when every service is stopping and no instance is left. */
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

/** Logs, at the start, drain times that exceed the limits of the systemd unit. */
async function warnOfLimits(specs: ServiceSpec[], log: (line: string) => void): Promise<void> {
  const limits = await readUnitLimits()
  if (limits) for (const line of drainWarnings(specs, limits)) log(`warning: ${line}`)
}

/** Under a service manager a failed start ends the supervisor, so that the manager can restart it. Otherwise it keeps retrying. */
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

const alreadyRuns = (name: string, failure: Failure): string =>
  `a supervisor named "${name}" already runs (${failure.message}); choose another --name or stop it with 'handover stop --name ${name}'`
