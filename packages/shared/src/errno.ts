import os from 'node:os'

/** The name of a positive errno(3) number: `ENOENT` for 2, or `errno 4711` if the number has no name. */
export function errorName(errno: number): string {
  const entry = Object.entries(os.constants.errno).find(([, value]) => value === errno)
  return entry?.[0] ?? `errno ${errno}`
}
