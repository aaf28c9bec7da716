import os from 'node:os'

/** The name of a positive number of errno(3): `ENOENT` for 2. `errno 4711` if it has none. */
export function errorName(errno: number): string {
  const entry = Object.entries(os.constants.errno).find(([, value]) => value === errno)
  return entry?.[0] ?? `errno ${errno}`
}
