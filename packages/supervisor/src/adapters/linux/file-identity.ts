import { lstatSync, unlinkSync } from 'node:fs'

/** Which file it is, whatever its name has become since. */
export interface FileIdentity {
  path: string
  dev: number
  ino: number
}

/** Null where there is no such file; a symbolic link is not followed. */
export function identify(path: string): FileIdentity | null {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found ? { path, dev: found.dev, ino: found.ino } : null
}

/** Deletes the socket's file, unless another file has taken its name. */
export function unlinkIfOurs({ path, dev, ino }: FileIdentity): void {
  const now = identify(path)
  if (now?.dev === dev && now.ino === ino) unlinkSync(path)
}
