import { lstatSync, unlinkSync } from 'node:fs'

/** Identifies a file even if another one has been created at its path since. */
export interface FileIdentity {
  path: string
  dev: number
  ino: number
}

/** Returns null if there is no such file. Does not follow a symbolic link. */
export function identify(path: string): FileIdentity | null {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found ? { path, dev: found.dev, ino: found.ino } : null
}

/** Deletes the file, unless its path belongs to another file by now. */
export function unlinkIfOurs({ path, dev, ino }: FileIdentity): void {
  const now = identify(path)
  if (now?.dev === dev && now.ino === ino) unlinkSync(path)
}
