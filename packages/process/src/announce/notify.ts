import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { checkUnixName } from '#shared/socket-address.js'
import { sendDatagram, sendDescriptor, type Ffi } from '../system/unix-datagram.js'
import { loadKoffi } from '../system/koffi.js'

/**
 * Sends `state` to systemd or another supervisor that implements sd_notify(3). Node has no unix datagram sockets, so
 * the package `koffi` sends it if the application has it, else the program `systemd-notify`. That program is another
 * process, so the unit needs `NotifyAccess=all`.
 *
 * `fd` is sent along, for FDSTORE=1. Only koffi can send a descriptor; without koffi, nothing is sent.
 * Resolves with null, or with a sentence about what failed. Never rejects.
 */
export async function notify(socketPath: string, state: string, fd?: number): Promise<string | null> {
  const wrong = checkUnixName('NOTIFY_SOCKET', socketPath)
  if (wrong !== null) return wrong
  if (fd !== undefined) {
    const koffi = loadKoffi()
    return koffi === null ? null : sendDescriptor(koffi, socketPath, state, fd)
  }
  const koffi = loadApplicationKoffi()
  if (koffi !== null) return sendDatagram(koffi, socketPath, state)
  return runSystemdNotify(socketPath, state)
}

/** Resolved from the application's script, where this library may not find it; of any version. */
function loadApplicationKoffi(): Ffi | null {
  try {
    return createRequire(process.argv[1] ?? `${process.cwd()}/`)('koffi') as Ffi
  } catch {
    return null
  }
}

function runSystemdNotify(socketPath: string, state: string): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn('systemd-notify', state.split('\n'), {
      stdio: 'ignore',
      env: { ...process.env, NOTIFY_SOCKET: socketPath },
    })
    child.once('error', () =>
      resolve(
        `NOTIFY_SOCKET is set, but nothing can send "${state}" to it: ` +
          'install the package koffi, or the program systemd-notify and set NotifyAccess=all',
      ),
    )
    child.once('exit', (code) =>
      resolve(code === 0 ? null : `systemd-notify exited with ${code} when sending "${state}"`),
    )
  })
}
