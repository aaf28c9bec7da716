import { rmSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { setImmediate as immediate } from 'node:timers/promises'
import type { InstanceMessage, SupervisorMessage } from '@handover/process/protocol'
import { protocolVersion } from '@handover/process/protocol'
import { LineSplitter } from '#shared/lines.js'
import { judge } from './instance-message.js'

const longestLine = 64 * 1024
/** One process of an instance has one connection; a node:cluster has one for each worker, and some reconnect. */
const maxConnections = 128
/** Bytes of answers that a peer may leave unread. */
const mostUnread = 1024 * 1024
/** Milliseconds. */
const longestFinish = 250

export interface ChannelIdentity {
  instance: string
  revision: number
  /** Said to each process of the instance that comes. */
  standing: () => SupervisorMessage[]
}

export interface Channel {
  /** Says it to every process of the instance that is connected; those without the message answer an error. */
  tell(message: SupervisorMessage): void
  /**
   * Closes it once what was said is heard: the peers are gone, so their connections end by themselves. One
   * that does not, because a process escaped from its group, is cut.
   */
  finish(): Promise<void>
}

export interface ChannelObserver {
  /** `speaker` is one connection: an instance of several processes has several. */
  message(speaker: object, message: InstanceMessage): void
  closed(speaker: object): void
}

/**
 * HANDOVER_SOCKET of one instance: the supervisor's half of the protocol. Whatever a peer sends, the worst that
 * comes of it is that its own connection is closed.
 */
export function openChannel(
  path: string,
  identity: ChannelIdentity,
  observer: ChannelObserver,
): Promise<Channel> {
  rmSync(path, { force: true })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => {
      sockets.delete(socket)
      observer.closed(socket)
    })
    serve(socket, identity, observer)
  })
  server.maxConnections = maxConnections
  return listening(server, path).then(() => ({
    tell: (message) => {
      for (const socket of sockets) say(socket, message)
    },
    finish: () => finish(server, sockets),
  }))
}

async function finish(server: Server, sockets: Set<Socket>): Promise<void> {
  // The loop polls once more between two immediates: connections in the queue are accepted by then.
  await immediate()
  await immediate()
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, longestFinish)
  await new Promise((resolve) => server.close(resolve))
  clearTimeout(cut)
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function serve(socket: Socket, identity: ChannelIdentity, observer: ChannelObserver): void {
  const lines = new LineSplitter()
  const isTooLong = (text: string) => Buffer.byteLength(text) > longestLine
  const refuseLong = () => refuse(`a line is longer than ${longestLine} bytes`)
  const refuse = (reason: string) => {
    say(socket, { type: 'error', message: reason })
    socket.removeAllListeners('data').resume().end()
  }
  socket.on('error', () => {}) // the peer went away; 'close' follows
  socket.setEncoding('utf8').on('data', (chunk) => {
    for (const line of lines.push(String(chunk))) {
      if (isTooLong(line)) return refuseLong()
      const judged = judge(line)
      if (judged.kind === 'malformed') return refuse(judged.reason)
      if (judged.kind === 'unknown') {
        say(socket, { type: 'error', message: `unknown message "${judged.type}"`, unknown: judged.type })
        continue
      }
      if (judged.message.type === 'hello') {
        welcome(judged.message, identity, socket)
        for (const message of identity.standing()) say(socket, message)
      }
      observer.message(socket, judged.message)
    }
    if (isTooLong(lines.rest)) refuseLong()
  })
}

function say(socket: Socket, message: SupervisorMessage): void {
  if (!socket.writable) return
  socket.write(JSON.stringify(message) + '\n')
  if (socket.writableLength > mostUnread) socket.destroy()
}

/** Versions may differ: each side then uses what both know, and an unknown message is answered by its name. */
function welcome(
  hello: Extract<InstanceMessage, { type: 'hello' }>,
  { instance, revision }: ChannelIdentity,
  socket: Socket,
): void {
  say(socket, { type: 'welcome', version: protocolVersion, instance, revision })
  if (hello.version === protocolVersion) return
  say(socket, {
    type: 'error',
    message: `version ${hello.version} of the protocol is not known; version ${protocolVersion} is spoken`,
  })
}
