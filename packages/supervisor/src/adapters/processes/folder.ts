import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { maxUnixPathBytes } from '#shared/socket-address.js'

/** What an instance and its supervisor share: `<runDir>/<instance>/`. */
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

/** Makes it anew: what an earlier run of the instance left must not be taken for this one's. */
export function createFolder(runDir: string, folder: InstanceFolder): void {
  mkdirSync(runDir, { recursive: true, mode: 0o700 })
  removeFolder(folder)
  mkdirSync(folder.path, { mode: 0o700 })
  mkdirSync(folder.probes, { mode: 0o700 })
}

/**
 * Gives the folder to the instance's user; the sockets in it exist by now. Done by root alone, and the folder
 * last, so that nothing in it is that user's to exchange before.
 */
export function giveFolder(runDir: string, folder: InstanceFolder, uid: number, gid: number): void {
  if (uid === process.getuid?.()) return
  for (const path of [folder.channel, folder.notify, folder.probes, folder.path]) chownSync(path, uid, gid)
  const { mode } = statSync(runDir)
  chmodSync(runDir, (mode & 0o7777) | 0o011) // to pass through; not to list
}

/**
 * The folder of an instance that runs already, and whose it is. It is the same folder: the instance knows its
 * paths, and its library tries to connect there again and again.
 */
export function ownerOfFolder(runDir: string, folder: InstanceFolder): { uid: number; gid: number } {
  if (!existsSync(folder.path)) createFolder(runDir, folder)
  return statSync(folder.path)
}

export function removeFolder(folder: InstanceFolder): void {
  rmSync(folder.path, { recursive: true, force: true })
}
