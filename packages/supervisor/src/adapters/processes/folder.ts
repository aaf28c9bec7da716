import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { errorCode } from '../linux/posix.js'
import { maxUnixPathBytes } from '#shared/socket-address.js'

/** The folder that an instance and its supervisor share: `<runDir>/<instance>/`. */
export interface InstanceFolder {
  path: string
  channel: string
  notify: string
  probes: string
}

export function instanceFolder(runDir: string, instance: string): Result<InstanceFolder> {
  const path = join(runDir, instance)
  const channel = join(path, 'channel.sock')
  if (Buffer.byteLength(channel) > maxUnixPathBytes) {
    return failed(
      'CannotStart',
      `the path "${channel}" is too long for a unix socket, which has at most ${maxUnixPathBytes} bytes; choose a shorter HANDOVER_HOME or name`,
    )
  }
  return ok({ path, channel, notify: join(path, 'notify.sock'), probes: join(path, 'probe') })
}

/** Removes what an earlier run of the instance left, and creates the folder. */
export function createFolder(runDir: string, folder: InstanceFolder): void {
  mkdirSync(runDir, { recursive: true, mode: 0o700 })
  rmSync(folder.path, { recursive: true, force: true })
  mkdirSync(folder.path, { mode: 0o700 })
  mkdirSync(folder.probes, { mode: 0o700 })
}

/** Creates what is missing of a running instance's folder. */
export function completeFolder(folder: InstanceFolder): void {
  if (!existsSync(folder.probes)) mkdirSync(folder.probes, { recursive: true, mode: 0o700 })
}

/**
 * Makes the instance's user the owner of the folder and of the sockets in it, which must exist. The folder comes last,
 * so that the user cannot replace anything in it before. Does nothing if the user is the supervisor's.
 */
export function giveFolder(runDir: string, folder: InstanceFolder, uid: number, gid: number): void {
  if (uid === process.getuid?.()) return
  for (const path of [folder.channel, folder.notify, folder.probes, folder.path]) chownSync(path, uid, gid)
  const { mode } = statSync(runDir)
  chmodSync(runDir, (mode & 0o7777) | 0o011) // enter, but not list
}

/**
 * The owner of a running instance's folder. The folder is created if it was deleted: the instance keeps its paths, and
 * its library tries to reconnect there.
 */
export function ownerOfFolder(runDir: string, folder: InstanceFolder): { uid: number; gid: number } {
  if (!existsSync(folder.path)) createFolder(runDir, folder)
  return statSync(folder.path)
}

/** For a run that has ended. What cannot be removed now is removed before the next run of this name. */
export function removeFolder(folder: InstanceFolder): void {
  try {
    rmSync(folder.path, { recursive: true, force: true })
  } catch (error) {
    errorCode(error)
  }
}
