import os from 'node:os'

/** `ENOENT`, for a number of errno(3). */
export function errorName(errno: number): string {
  const entry = Object.entries(os.constants.errno).find(([, value]) => value === errno)
  return entry?.[0] ?? `errno ${errno}`
}
