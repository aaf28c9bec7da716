import { readFileSync, readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** The process that holds a lock file, and the control socket that it has written into it. */
export interface LockHolder {
  pid: number
  /** Null if the file was removed, or could not be written. */
  control: string | null
}

/**
 * Finds the process that has the lock file open. Its pid is in the file; without that, all processes are searched
 * (proc_pid_fd(5)). So it is also found if the file, or the whole folder, was removed. Null if there is none.
 */
export function lockHolder(path: string): LockHolder | null {
  const [pid = '', control = ''] = contentOf(path).split('\n')
  const links = linksTo(path)
  if (/^[1-9]\d*$/.test(pid) && hasOpen(Number(pid), links))
    return { pid: Number(pid), control: control || null }
  const holder = processWith(links)
  return holder === null ? null : { pid: holder, control: null }
}

/** The other process that has a removed file of this path open. It locked the path before the file was removed. */
export const holderOfRemoved = (path: string): number | null => processWith(linksTo(path).slice(1))

/** What links in /proc/<pid>/fd say of a descriptor of this file: while it exists, and after it was removed. */
function linksTo(path: string): [string, string] {
  const real = join(realFolder(dirname(path)), basename(path))
  return [real, `${real} (deleted)`]
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder)
  } catch {
    return folder // It was removed.
  }
}

function processWith(links: string[]): number | null {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).find((pid) => pid !== process.pid && hasOpen(pid, links)) ?? null
}

/** False for processes of other users, whose descriptors this one may not see. */
function hasOpen(pid: number, links: string[]): boolean {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).some((fd) => links.includes(linkOf(`${folder}/${fd}`)))
  } catch {
    return false
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // It was closed meanwhile.
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
