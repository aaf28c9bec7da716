import { statSync } from 'node:fs'

/** The inode of the file at this path. Null if there is none, or if it cannot be reached. */
export function inodeAt(path: string): number | null {
  try {
    return statSync(path).ino
  } catch {
    return null
  }
}
