import { errorName } from '#shared/errno.js'
import { loadKoffi, type Koffi } from './koffi.js'

/** System calls around execve(2). Node's own `process.execve` (22, 24) ends the process when the call fails. */
export interface ExecCalls {
  /** The next program inherits the descriptor. */
  clearCloseOnExec(fd: number): void
  /** Neither the next program nor a child inherits the descriptor. */
  setCloseOnExec(fd: number): void
  /** Creates a file in memory: memfd_create(2). Returns its descriptor, close-on-exec. Throws if the call fails. */
  createMemoryFile(): number
  /** Returns only if it failed, with the name of the error, for example `ENOENT`. */
  execve(file: string, argv: string[], env: Record<string, string>): string
}

/** Null if koffi is not installed, or the C library lacks one of the functions. */
export function execCalls(): ExecCalls | null {
  const koffi = loadKoffi()
  try {
    return koffi && bind(koffi)
  } catch {
    return null
  }
}

function bind(koffi: Koffi): ExecCalls {
  const libc = koffi.load(null)
  const fcntl = libc.func('int fcntl(int, int, long)')
  const memfdCreate = libc.func('int memfd_create(const char *, unsigned int)')
  const execve = libc.func('int execve(const char *, const char **, const char **)')
  return {
    clearCloseOnExec: (fd) => void fcntl(fd, F_SETFD, 0),
    setCloseOnExec: (fd) => void fcntl(fd, F_SETFD, FD_CLOEXEC),
    createMemoryFile() {
      const fd = Number(memfdCreate('handover', MFD_CLOEXEC))
      if (fd < 0) throw new Error(`memfd_create failed with ${errorName(koffi.errno())}`)
      return fd
    },
    execve(file, argv, env) {
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
      execve(file, [...argv, null], [...variables, null])
      return errorName(koffi.errno())
    },
  }
}

const F_SETFD = 2
const FD_CLOEXEC = 1
const MFD_CLOEXEC = 1
