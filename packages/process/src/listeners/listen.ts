import type dgram from 'node:dgram'
import type net from 'node:net'
import { addressOf, originalListen } from '../node/original-listen.js'
import type { AcceptGate } from './accept-gate.js'
import { adopt } from './adopt.js'
import { bindForSuccessor, type BindPolicy } from './bind.js'
import { isDatagramSocket } from '../node/datagram-handle.js'
import { adoptDatagrams, bindTarget, datagramAddress } from './datagram-sockets.js'
import type { InheritedListener } from './inherited.js'
import type { BindTarget } from './listen-target.js'

/**
 * Lets a server listen, or a UDP socket read, on `listener`; without one, on the address of `target`. Resolves with the
 * address, for messages. Rejects with the 'error' of the server or socket.
 */
export async function listen(
  server: net.Server | dgram.Socket,
  target: BindTarget,
  listener: InheritedListener | undefined,
  policy: BindPolicy,
  gate: AcceptGate,
): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error) => {
      server.off('listening', listening)
      if (listener !== undefined) listener.adopted = false
      reject(error)
    }
    const listening = () => {
      server.off('error', failed)
      resolve()
    }
    server.once('error', failed).once('listening', listening)
    if (isDatagramSocket(server)) read(server, target, listener, gate)
    else if (listener === undefined) bind(server, target, policy)
    else adopt(server, listener, gate)
  })
  return isDatagramSocket(server) ? datagramAddress(server) : addressOf(server)
}

function bind(server: net.Server, target: BindTarget, policy: BindPolicy): void {
  const options = bindOptions(target)
  if (!bindForSuccessor(server, options, policy)) originalListen.call(server, options)
}

function read(
  socket: dgram.Socket,
  target: BindTarget,
  listener: InheritedListener | undefined,
  gate: AcceptGate,
): void {
  if (listener === undefined) bindTarget(socket, target)
  else adoptDatagrams(socket, listener, gate)
}

function bindOptions({ host, port, path, backlog }: BindTarget): net.ListenOptions {
  return {
    ...(port === undefined ? { path } : { port, host }),
    ...(backlog === undefined ? {} : { backlog }),
  }
}
