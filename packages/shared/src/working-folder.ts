import fs from 'node:fs'
import path from 'node:path'

/**
 * The working folder of this process: `pwd`, the value of $PWD, if that is a name of it (`pwd -L` in POSIX: absolute,
 * without `.` and `..`, and the same inode), else the path that getcwd(2) returns. The first keeps a symbolic link that
 * a later release replaces. Of a deleted folder it is the path with ` (deleted)` behind it (proc_pid_cwd(5)).
 */
export function workingFolder(pwd: string | undefined): string {
  if (pwd !== undefined && path.isAbsolute(pwd) && !/\/\.\.?(\/|$)/.test(pwd) && isHere(pwd)) return pwd
  return physicalFolder() ?? fs.readlinkSync('/proc/self/cwd')
}

/** getcwd(2). Null if the working folder was deleted. */
export function physicalFolder(): string | null {
  try {
    return process.cwd()
  } catch {
    return null
  }
}

function isHere(folder: string): boolean {
  try {
    const [named, here] = [folder, '.'].map((name) => fs.statSync(name, { bigint: true }))
    return named?.ino === here?.ino && named?.dev === here?.dev
  } catch {
    return false // It does not exist, or may not be entered.
  }
}
