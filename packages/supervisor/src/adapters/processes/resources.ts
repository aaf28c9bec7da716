import { join } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { AdoptOrder, LaunchOrder } from '../../ports.js'
import type { LaunchPlan } from '../launch/index.js'
import { errorReason } from '../linux/error-reason.js'
import { isHungUp } from '../linux/posix.js'
import type { InstanceFolder } from './folder.js'
import {
  completeFolder,
  createFolder,
  giveFolder,
  instanceFolder,
  ownerOfFolder,
  removeFolder,
} from './folder.js'
import type { InstanceSockets } from './instance-sockets.js'
import { openInstanceSockets } from './instance-sockets.js'
import type { ProcessesOptions } from './options.js'
import type { OutputFile } from './output.js'
import { lastLines, outputFile } from './output.js'
import type { InstanceReports } from './reports.js'
import type { TicketKeys } from './ticket-keys.js'

export interface InstancesOptions extends ProcessesOptions {
  ticketKeys: TicketKeys
}

/** What one run of an instance uses, from before its start until after its exit. */
export interface InstanceResources {
  folder: InstanceFolder
  sockets: InstanceSockets
  /** Creates the files of both again that were removed. Returns whether any was. Rejects if that fails. */
  renew(): Promise<boolean>
  /** Null if the instance writes to the supervisor's standard output. That has a reader when the instance starts. */
  output: OutputFile | null
}

/** For a new instance: creates its folder, which belongs to the instance's user. */
export function createResources(
  options: InstancesOptions,
  { uid, gid }: LaunchPlan,
  order: LaunchOrder,
  reports: InstanceReports,
): Promise<Result<InstanceResources>> {
  return openResources(options, order, reports, (folder) => {
    createFolder(options.runDir, folder)
    return { uid: uid ?? process.getuid?.() ?? 0, gid: gid ?? -1 }
  })
}

/** For a running instance: uses the folder that exists. */
export function restoreResources(
  options: InstancesOptions,
  order: AdoptOrder,
  reports: InstanceReports,
): Promise<Result<InstanceResources>> {
  return openResources(options, order, reports, (folder) => ownerOfFolder(options.runDir, folder))
}

/** `prepareFolder` makes sure that the folder exists, and returns its owner. */
async function openResources(
  { runDir, logDir, stdio, ticketKeys, log = () => {} }: InstancesOptions,
  order: LaunchOrder,
  reports: InstanceReports,
  prepareFolder: (folder: InstanceFolder) => { uid: number; gid: number },
): Promise<Result<InstanceResources>> {
  const { instance, revision } = order
  const folder = instanceFolder(runDir, instance)
  if (!folder.ok) return folder
  let sockets: InstanceSockets | null = null
  try {
    const { uid, gid } = prepareFolder(folder.value)
    sockets = await openInstanceSockets(folder.value, order, reports, ticketKeys, log)
    giveFolder(runDir, folder.value, uid, gid)
    const inherits = stdio === 'inherit' && ![1, 2].some(isHungUp)
    const output = inherits ? null : outputFile(join(logDir, revision.spec.name), instance)
    if (output && stdio === 'inherit')
      log(`${instance}: its output is in "${output.path}", since nobody reads that of the supervisor`)
    const opened = sockets
    const renew = async () => {
      completeFolder(folder.value)
      const renewed = await opened.renew()
      if (renewed) giveFolder(runDir, folder.value, uid, gid)
      return renewed
    }
    return ok({ folder: folder.value, sockets, renew, output })
  } catch (error) {
    await sockets?.close()
    return failed(
      'CannotStart',
      `the sockets of instance "${instance}" cannot be created: ${errorReason(error)}`,
    )
  }
}

/** Closes the sockets and removes the folder. Returns the last lines of the run's output. */
export async function releaseResources({ folder, sockets, output }: InstanceResources): Promise<string[]> {
  await sockets.close()
  removeFolder(folder)
  return output ? lastLines(output) : []
}
