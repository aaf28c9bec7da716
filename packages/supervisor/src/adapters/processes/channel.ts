import { once } from 'node:events'
import { rmSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { setImmediate as immediate } from 'node:timers/promises'
import type { InstanceMessage, SupervisorMessage } from '@handover/process/protocol'
import { protocolVersion } from '@handover/process/protocol'
import { LineSplitter } from '#shared/lines.js'
import { inodeAt } from '#shared/socket-file.js'
import type { Listener, ProcessObserver } from '../../ports.js'
import { errorCode, sendmsg } from '../linux/posix.js'
import { parseInstanceMessage } from './instance-message.js'

const maxLineBytes = 64 * 1024
/** Each process of an instance has one connection: a node:cluster has one for each worker, and some reconnect. */
const maxConnections = 128
/** A peer that leaves more than this unread is disconnected. */
const maxUnreadBytes = 1024 * 1024
const maxCloseMs = 250

export interface ChannelIdentity {
  instance: string
  revision: number
  /** Messages for each process of the instance that connects, after `welcome`. */
  onConnect: () => SupervisorMessage[]
}

export interface Channel {
  /** Listens again if the file of the socket was removed. Connections are not touched. Returns whether it was removed. */
  renew(): Promise<boolean>
  /** Sends a message to every connected process of the instance. Versions that do not know it answer with an error. */
  send(message: SupervisorMessage): void
  /**
   * To be called after the instance has exited. Waits until its connections end, so that everything it sent is read.
   * Connections that are still open after 250 ms, because a process left its process group, are destroyed.
   */
  close(): Promise<void>
}

export interface ChannelObserver {
  /** `connection` identifies one process: an instance of several processes has several connections. */
  message(connection: object, message: InstanceMessage): void
  closed(connection: object): void
  /** One process could not bind this address. */
  wanted: ProcessObserver['wanted']
}

/**
 * The supervisor's side of the protocol on HANDOVER_SOCKET of one instance. An invalid message from a peer only closes
 * that peer's connection.
 */
export async function openChannel(
  path: string,
  identity: ChannelIdentity,
  observer: ChannelObserver,
): Promise<Channel> {
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
  let inode = await listening(server, path)
  let closed = false
  return {
    async renew() {
      if (closed || inodeAt(path) === inode) return false
      server.close() // It must come first: libuv deletes the path.
      inode = await listening(server, path)
      if (closed) server.close() // The instance has exited meanwhile.
      return true
    },
    send: (message) => {
      for (const socket of sockets) send(socket, message)
    },
    close() {
      closed = true
      return close(server, sockets)
    },
  }
}

async function close(server: Server, sockets: Set<Socket>): Promise<void> {
  // The event loop polls between two immediates, so queued connections are accepted first.
  await immediate()
  await immediate()
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, maxCloseMs)
  await new Promise((resolve) => server.close(resolve))
  clearTimeout(timer)
}

/** Returns the inode of the socket's file. */
async function listening(server: Server, path: string): Promise<number | null> {
  rmSync(path, { force: true })
  server.listen(path)
  await once(server, 'listening')
  return inodeAt(path)
}

function serve(socket: Socket, identity: ChannelIdentity, observer: ChannelObserver): void {
  const lines = new LineSplitter()
  const isTooLong = (text: string) => Buffer.byteLength(text) > maxLineBytes
  const refuseLong = () => refuse(`a line is longer than ${maxLineBytes} bytes`)
  const refuse = (reason: string) => {
    send(socket, { type: 'error', message: reason })
    socket.removeAllListeners('data').resume().end()
  }
  socket.on('error', () => {}) // the peer has exited; 'close' follows
  socket.setEncoding('utf8').on('data', (chunk) => {
    for (const line of lines.push(String(chunk))) {
      if (isTooLong(line)) return refuseLong()
      const parsed = parseInstanceMessage(line)
      if (parsed.kind === 'malformed') return refuse(parsed.reason)
      if (parsed.kind === 'unknown') {
        send(socket, { type: 'error', message: `unknown message "${parsed.type}"`, unknown: parsed.type })
        continue
      }
      if (parsed.message.type === 'hello') {
        welcome(parsed.message, identity, socket)
        for (const message of identity.onConnect()) send(socket, message)
      }
      if (parsed.message.type === 'listener')
        observer.wanted(parsed.message.address, (listener) => sendListener(socket, listener))
      else observer.message(socket, parsed.message)
    }
    if (isTooLong(lines.rest)) refuseLong()
  })
}

/** The descriptor must come with the first byte of its message, so nothing else may wait to be sent. */
function sendListener(socket: Socket, listener: Listener | null): void {
  const fd = (socket as Socket & { _handle?: { fd?: number } | null })._handle?.fd ?? -1
  if (fd < 0 || socket.writableLength > 0) return void socket.destroy()
  const message: SupervisorMessage = { type: 'listener', ...(listener && { name: listener.name }) }
  try {
    sendmsg(fd, Buffer.from(`${JSON.stringify(message)}\n`), listener ? [listener.fd] : [])
  } catch (error) {
    errorCode(error) // the process has just ended
  }
  socket.end()
}

function send(socket: Socket, message: SupervisorMessage): void {
  if (!socket.writable) return
  socket.write(JSON.stringify(message) + '\n')
  if (socket.writableLength > maxUnreadBytes) socket.destroy()
}

/** Versions can differ: then each side uses the messages that both know, and answers others with an error. */
function welcome(
  hello: Extract<InstanceMessage, { type: 'hello' }>,
  { instance, revision }: ChannelIdentity,
  socket: Socket,
): void {
  send(socket, { type: 'welcome', version: protocolVersion, instance, revision, sendsAccept: true })
  if (hello.version === protocolVersion) return
  send(socket, {
    type: 'error',
    message: `unknown protocol version ${hello.version}, wanted ${protocolVersion}`,
  })
}
