import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as later } from 'node:timers/promises'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { AdoptOrder, LaunchedProcess, LaunchOrder, ProcessObserver } from '../../ports.js'
import type { LaunchPlan } from '../launch/index.js'
import { errorCode } from '../linux/posix.js'
import { adoptProcess } from './adopt.js'
import type { Contract } from './instance-sockets.js'
import { openContract } from './instance-sockets.js'
import { instanceEnvironment } from './environment.js'
import type { InstanceFolder } from './folder.js'
import { createFolder, giveFolder, instanceFolder, ownerOfFolder, removeFolder } from './folder.js'
import { bufferedObserver } from '../../buffered-observer.js'
import type { ProcessesOptions } from './options.js'
import type { OutputFile } from './output.js'
import { lastLines, openOutput, outputFile } from './output.js'
import type { LiveProcess } from './spawn.js'
import { becameProgram, couldNotExecute, killGroup, spawnDetached } from './spawn.js'
import type { TicketKeys } from './ticket-keys.js'
import type { Voice } from './reports.js'
import { voice } from './reports.js'

/** A launched instance, until it is gone. */
export interface Running extends LaunchedProcess {
  /** To be called before `drain`: what is written first is in the instance's queue when the signal comes. */
  setSuccessors(successors: Running[]): void
  /** Tells it to replace its program. */
  exec(plan: LaunchPlan, order: LaunchOrder): Result<true>
  drain(): void
  /** Says the keys for TLS session tickets once more, for they are new. */
  renewTicketKeys(): void
  /** Where it takes connections from others. */
  adoptionSockets(): string[]
  kill(): void
}

export interface InstancesOptions extends ProcessesOptions {
  ticketKeys: TicketKeys
}

/** What a run of an instance is given, and gives back at its end. */
interface Outfit {
  folder: InstanceFolder
  contract: Contract
  output: OutputFile | null
}

/** Starts the program and resolves once it is executed; the observer is called only after that. */
export async function launchInstance(
  options: InstancesOptions,
  plan: LaunchPlan,
  order: LaunchOrder,
  observer: ProcessObserver,
): Promise<Result<Running>> {
  const held = bufferedObserver(observer)
  const heard = voice(inodesOf(order), held.observer)
  const outfit = await prepareOutfit(options, plan, order, heard)
  if (!outfit.ok) return outfit
  const started = await start(outfit.value, plan, order)
  if (!started.ok) {
    await giveBack(outfit.value)
    return started
  }
  setImmediate(held.release) // by then whoever awaits the launch has gone on
  return ok(follow(started.value, outfit.value, heard, held.observer))
}

/** Takes over an instance that an earlier supervisor launched: the same sockets, at the same paths, anew. */
export async function adoptInstance(
  options: InstancesOptions,
  order: AdoptOrder,
  observer: ProcessObserver,
): Promise<Result<Running>> {
  const held = bufferedObserver(observer)
  const heard = voice(inodesOf(order), held.observer)
  if (order.replacing) heard.execAsked(order.revision.number, true)
  const outfit = await restoreOutfit(options, order, heard)
  if (!outfit.ok) return outfit
  if (outfit.value.output) outfit.value.output.start = 0 // where its run began is not known any more
  const adopted = adoptProcess(order.pid, order.startTime)
  if (!adopted.ok) {
    await giveBack(outfit.value)
    return adopted
  }
  const running = follow(adopted.value, outfit.value, heard, held.observer)
  if (order.awaitReconnect)
    await Promise.race([heard.introduced, adopted.value.exit, later(comeBackMs, undefined, { ref: false })])
  setImmediate(held.release)
  return ok(running)
}

/** Its library looks for us several times a second; one that has no time for it is not waited for. */
const comeBackMs = 1000

const inodesOf = ({ listeners }: LaunchOrder) => new Set(listeners.map(({ inode }) => inode))

/** Tells of the process's end; until then it can be drained and killed. */
function follow(process: LiveProcess, outfit: Outfit, heard: Voice, observer: ProcessObserver): Running {
  const { pid, startTime, exit } = process
  let gone = false
  let asked = false
  /** The adoption sockets of the successors, as the instance knows them. */
  let told = ''
  void exit.then(async (how) => {
    gone = true
    observer.exited(how, await giveBack(outfit))
  })
  return {
    pid,
    startTime,
    probeDir: outfit.folder.probes,
    adoptionSockets: () => (gone ? [] : heard.adoptionSockets()),
    setSuccessors(successors) {
      const sockets = successors.flatMap((successor) => successor.adoptionSockets())
      if (gone || sockets.join() === told) return
      told = sockets.join()
      outfit.contract.nameSuccessors(sockets)
    },
    exec(plan, order) {
      if (gone || !heard.hasLibrary())
        return failed('Refused', 'it cannot replace its program in place: the library is not in it')
      const { argv, cwd, env } = plan
      const { spec, number } = order.revision
      heard.execAsked(number)
      outfit.contract.become(number)
      outfit.contract.tell({
        type: 'exec',
        argv,
        cwd,
        environment: instanceEnvironment(env, order, outfit.folder),
        // So that its answer comes before the rollout is given up.
        timeoutSeconds: Math.min(spec.drain.timeoutSeconds, spec.progressDeadlineSeconds * 0.8),
      })
      return ok(true)
    },
    drain() {
      if (gone || asked) return
      asked = true
      process.terminate()
      heard.drainAsked(pid)
    },
    renewTicketKeys() {
      if (!gone) outfit.contract.renewTicketKeys()
    },
    kill() {
      if (!gone) killGroup(pid)
    },
  }
}

function prepareOutfit(
  options: InstancesOptions,
  { uid, gid }: LaunchPlan,
  order: LaunchOrder,
  heard: Voice,
): Promise<Result<Outfit>> {
  return makeOutfit(options, order, heard, (folder) => {
    createFolder(options.runDir, folder)
    return { uid: uid ?? process.getuid?.() ?? 0, gid: gid ?? -1 }
  })
}

function restoreOutfit(options: InstancesOptions, order: AdoptOrder, heard: Voice): Promise<Result<Outfit>> {
  return makeOutfit(options, order, heard, (folder) => ownerOfFolder(options.runDir, folder))
}

/** `furnish` sees to it that the folder is there, and says whose it is to be. */
async function makeOutfit(
  { runDir, logDir, stdio, ticketKeys, log = () => {} }: InstancesOptions,
  order: LaunchOrder,
  heard: Voice,
  furnish: (folder: InstanceFolder) => { uid: number; gid: number },
): Promise<Result<Outfit>> {
  const { instance, revision } = order
  const folder = instanceFolder(runDir, instance)
  if (!folder.ok) return folder
  let contract: Contract | null = null
  try {
    const { uid, gid } = furnish(folder.value)
    contract = await openContract(folder.value, order, heard, ticketKeys, log)
    giveFolder(runDir, folder.value, uid, gid)
    const output = stdio === 'file' ? outputFile(join(logDir, revision.spec.name), instance) : null
    return ok({ folder: folder.value, contract, output })
  } catch (error) {
    await contract?.finish()
    return failed('CannotStart', `the sockets of instance "${instance}" cannot be made: ${errorCode(error)}`)
  }
}

async function start(outfit: Outfit, plan: LaunchPlan, order: LaunchOrder): Promise<Result<LiveProcess>> {
  const { folder, output } = outfit
  const env = instanceEnvironment(plan.env, order, folder)
  const fds = order.listeners.map(({ fd }) => fd)
  const log = output && openOutput(output)
  const spawned = await spawnDetached({ ...plan, env }, log ?? 'inherit', fds)
  if (log !== null) closeSync(log)
  if (!spawned.ok || (await becameProgram(spawned.value))) return spawned
  const said = output && lastLines(output)
  if (!couldNotExecute(await spawned.value.exit, said)) return spawned // it ran, and has ended already
  return failed('CannotStart', `"${plan.argv[0]}" could not be executed`, said ?? [])
}

/** Returns the last lines of the run's output. */
async function giveBack({ folder, contract, output }: Outfit): Promise<string[]> {
  await contract.finish()
  removeFolder(folder)
  return output ? lastLines(output) : []
}
