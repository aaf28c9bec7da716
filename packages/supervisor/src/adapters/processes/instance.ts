import { closeSync } from 'node:fs'
import { join } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { LaunchedProcess, LaunchOrder, ProcessObserver } from '../../ports.js'
import type { LaunchPlan } from '../launch/index.js'
import { errorCode } from '../posix.js'
import type { Contract } from './contract.js'
import { openContract } from './contract.js'
import { instanceEnvironment } from './environment.js'
import type { InstanceFolder } from './folder.js'
import { createFolder, giveFolder, instanceFolder, removeFolder } from './folder.js'
import { heldBack } from './held-back.js'
import type { ProcessesOptions } from './index.js'
import type { OutputFile } from './output.js'
import { lastLines, openOutput } from './output.js'
import type { Spawned } from './spawn.js'
import { becameProgram, couldNotExecute, killGroup, spawnDetached } from './spawn.js'
import type { Voice } from './voice.js'
import { voice } from './voice.js'

/** A launched instance, until it is gone. */
export interface Running extends LaunchedProcess {
  drain(): void
  kill(): void
}

/** What a run of an instance is given, and gives back at its end. */
interface Outfit {
  folder: InstanceFolder
  contract: Contract
  output: OutputFile | null
}

/** Starts the program and resolves once it is executed; the observer is called only after that. */
export async function launchInstance(
  options: ProcessesOptions,
  plan: LaunchPlan,
  order: LaunchOrder,
  observer: ProcessObserver,
): Promise<Result<Running>> {
  const held = heldBack(observer)
  const inodes = new Set(order.listeners.map(({ inode }) => inode))
  const heard = voice(inodes, held.observer)
  const outfit = await prepareOutfit(options, plan, order, heard)
  if (!outfit.ok) return outfit
  const spawned = await start(outfit.value, plan, order)
  if (!spawned.ok) {
    await giveBack(outfit.value)
    return spawned
  }
  void spawned.value.exit.then(async (exit) => {
    const output = await giveBack(outfit.value)
    held.observer.exited(exit, output)
  })
  setImmediate(held.release) // by then whoever awaits the launch has gone on
  return ok(runningInstance(spawned.value, outfit.value.folder, heard))
}

function runningInstance({ pid, startTime, exit }: Spawned, folder: InstanceFolder, heard: Voice): Running {
  let gone = false
  let asked = false
  void exit.then(() => (gone = true))
  return {
    pid,
    startTime,
    probeDir: folder.probes,
    drain() {
      if (gone || asked) return
      asked = true
      process.kill(pid, 'SIGTERM')
      heard.drainAsked(pid)
    },
    kill() {
      if (!gone) killGroup(pid)
    },
  }
}

async function prepareOutfit(
  { runDir, logDir, stdio, log = () => {} }: ProcessesOptions,
  { uid, gid }: LaunchPlan,
  order: LaunchOrder,
  heard: Voice,
): Promise<Result<Outfit>> {
  const folder = instanceFolder(runDir, order.instance)
  if (!folder.ok) return folder
  let contract: Contract | null = null
  try {
    createFolder(runDir, folder.value)
    contract = await openContract(folder.value, order, heard, log)
    if (uid !== undefined && uid !== process.getuid?.()) giveFolder(runDir, folder.value, uid, gid ?? -1)
    const output =
      stdio === 'file' ? openOutput(join(logDir, order.revision.spec.name), order.instance) : null
    return ok({ folder: folder.value, contract, output })
  } catch (error) {
    await contract?.finish()
    removeFolder(folder.value)
    return failed(
      'CannotStart',
      `the files of instance "${order.instance}" cannot be made: ${errorCode(error)}`,
    )
  }
}

async function start(
  { folder, output }: Outfit,
  plan: LaunchPlan,
  order: LaunchOrder,
): Promise<Result<Spawned>> {
  const env = instanceEnvironment(plan.env, order, folder)
  const fds = order.listeners.map(({ fd }) => fd)
  const spawned = await spawnDetached({ ...plan, env }, output?.fd ?? 'inherit', fds)
  if (output) closeSync(output.fd)
  if (!spawned.ok || (await becameProgram(spawned.value))) return spawned
  const said = output && lastLines(output.path, output.start)
  if (!couldNotExecute(await spawned.value.exit, said)) return spawned // it ran, and has ended already
  return failed('CannotStart', `"${plan.argv[0]}" could not be executed`, said ?? [])
}

/** Returns the last lines of the run's output. */
async function giveBack({ folder, contract, output }: Outfit): Promise<string[]> {
  await contract.finish()
  removeFolder(folder)
  return output ? lastLines(output.path, output.start) : []
}
