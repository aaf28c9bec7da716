import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { checkUnixName } from '#shared/socket-address.js'
import { sendDatagram, sendDescriptor, type Ffi } from '../system/unix-datagram.js'
import { loadKoffi as loadOurKoffi } from '../system/koffi.js'

/**
 * Says `state` to systemd, or to another supervisor that speaks sd_notify(3). Node has no unix datagram
 * sockets: `koffi` sends it if the application has that package, else the program `systemd-notify`, which is
 * another process than ours, so the unit needs `NotifyAccess=all`.
 *
 * `fd` goes with it, for FDSTORE=1: only koffi can send a descriptor, and without it nothing is kept.
 * Resolves with null, or with one sentence that says why it could not be said.
 */
export async function notify(socketPath: string, state: string, fd?: number): Promise<string | null> {
  const wrong = checkUnixName('NOTIFY_SOCKET', socketPath)
  if (wrong !== null) return wrong
  if (fd !== undefined) {
    const ours = loadOurKoffi()
    return ours === null ? null : sendDescriptor(ours, socketPath, state, fd)
  }
  const koffi = loadKoffi()
  if (koffi !== null) return sendDatagram(koffi, socketPath, state)
  return runSystemdNotify(socketPath, state)
}

/** The application's own: this library has no dependencies to bring along. */
function loadKoffi(): Ffi | null {
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
      resolve(code === 0 ? null : `systemd-notify exited with ${code} when it was to send "${state}"`),
    )
  })
}
