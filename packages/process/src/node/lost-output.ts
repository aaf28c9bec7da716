import fs from 'node:fs'

const noRoom = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'])

/**
 * Drops what the process prints to a file while its disk is full: Node would throw, and end the process for want of a log.
 * Pipes and terminals are left as they are. Node's stream for such a file calls `fs.writeSync`, which it takes from the
 * module when the application uses `process.stdout` or `process.stderr` for the first time, so this must come before.
 * Returns a function that removes the patch.
 */
export function dropOutputWithoutRoom(): () => void {
  const logs = new Set([1, 2].filter(isFile))
  if (logs.size === 0) return () => {}
  const original = fs.writeSync
  const patched = ((fd: number, data: NodeJS.ArrayBufferView | string, ...rest: unknown[]): number => {
    try {
      return Reflect.apply(original, fs, [fd, data, ...rest]) as number
    } catch (error) {
      if (!logs.has(fd) || !noRoom.has((error as NodeJS.ErrnoException).code ?? '')) throw error
      return typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength
    }
  }) as typeof fs.writeSync
  fs.writeSync = patched
  return () => {
    if (fs.writeSync === patched) fs.writeSync = original
  }
}

function isFile(fd: number): boolean {
  try {
    const stat = fs.fstatSync(fd)
    return stat.isFile() || stat.rdev === devFull
  } catch {
    return false // It is closed.
  }
}

/** `/dev/full` (full(4)), with which a full disk can be tried. */
const devFull = 0x107
