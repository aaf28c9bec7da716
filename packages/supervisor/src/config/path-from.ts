import { realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, normalize, resolve } from 'node:path'

/**
 * Makes a relative path absolute. `..` leads to the parent of what a symbolic link names, as for the kernel: in a
 * `current` that leads to `releases/1`, `../../shared` is beside `releases`. Where both parents hold the same file, the
 * link stays in the path, so that the next release is found.
 */
export function pathFrom(folder: string, path: string): string {
  const byName = resolve(folder, path)
  if (isAbsolute(path) || !normalize(path).startsWith('..')) return byName
  const physical = resolve(realOf(folder) ?? folder, path)
  return fileAt(byName) === fileAt(physical) ? byName : physical
}

/** The path without links; its last part need not exist. Null if its folder does not. */
function fileAt(path: string): string | null {
  const real = realOf(path)
  if (real !== null) return real
  const folder = realOf(dirname(path))
  return folder === null ? null : join(folder, basename(path))
}

function realOf(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}
