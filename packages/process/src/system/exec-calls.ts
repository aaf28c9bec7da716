import { errorName } from '#shared/errno.js'
import { loadKoffi, type Koffi } from './koffi.js'

/** What Node has no function for, or none that can fail: its own `process.execve` ends the process if it fails (22, 24). */
export interface ImageCalls {
  /** Clears FD_CLOEXEC: the descriptor lives on in the next program. */
  keep(fd: number): void
  /** Sets FD_CLOEXEC: neither the next program nor a child gets it. */
  confine(fd: number): void
  /** A file without a name, in memory: memfd_create(2). */
  createMemoryFile(): number
  /** execve(2). Returns only if it failed, with the name of the error: `ENOENT`. */
  replace(file: string, argv: string[], env: Record<string, string>): string
}

/** Null where koffi is not installed, or the C library lacks one of the functions. */
export function imageCalls(): ImageCalls | null {
  const koffi = loadKoffi()
  try {
    return koffi && bind(koffi)
  } catch {
    return null
  }
}

function bind(koffi: Koffi): ImageCalls {
  const libc = koffi.load(null)
  const fcntl = libc.func('int fcntl(int, int, long)')
  const memfdCreate = libc.func('int memfd_create(const char *, unsigned int)')
  const execve = libc.func('int execve(const char *, const char **, const char **)')
  return {
    keep: (fd) => void fcntl(fd, F_SETFD, 0),
    confine: (fd) => void fcntl(fd, F_SETFD, FD_CLOEXEC),
    createMemoryFile() {
      const fd = Number(memfdCreate('handover', MFD_CLOEXEC))
      if (fd < 0) throw new Error(`memfd_create failed with ${errorName(koffi.errno())}`)
      return fd
    },
    replace(file, argv, env) {
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
      execve(file, [...argv, null], [...variables, null])
      return errorName(koffi.errno())
    },
  }
}

const F_SETFD = 2
const FD_CLOEXEC = 1
const MFD_CLOEXEC = 1
