import { formatIp, ipBytes } from '#shared/ip-address.js'
import { AF_INET, AF_INET6, IPPROTO_TCP } from '#shared/socket-constants.js'

/** The messages of sock_diag(7) for TCP: <linux/netlink.h>, <linux/sock_diag.h>, <linux/inet_diag.h>, <linux/tcp.h>. */

const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const SOCK_DIAG_BY_FAMILY = 20
const NLM_F_REQUEST = 1
const NLM_F_DUMP = 0x300
const TCP_LISTEN = 10
const INET_DIAG_INFO = 2

const messageHeaderBytes = 16 // struct nlmsghdr
const requestBytes = 56 // struct inet_diag_req_v2
const socketBytes = 72 // struct inet_diag_msg
const attributeHeaderBytes = 4 // struct rtattr
const align = (length: number): number => (length + 3) & ~3

/** enum of <netinet/tcp.h>. SYN-RECV includes the kernel's TCP_NEW_SYN_RECV. */
const states = {
  1: 'established',
  3: 'syn-received',
  4: 'fin-wait-1',
  5: 'fin-wait-2',
  8: 'close-wait',
  9: 'last-ack',
  10: 'listen',
  11: 'closing',
} as const

export type TcpState = (typeof states)[keyof typeof states]

/** The figures of tcp_info that tell what a connection owes. */
export interface TcpInfo {
  bytesReceived: number
  /** Bytes sent at least once, with retransmissions. */
  bytesSent: number
  /** Bytes written that the kernel has not sent yet. */
  notSent: number
  /** Milliseconds since the last data was sent, in steps of one jiffy (1 to 10 ms). If none was: since it was opened. */
  msSinceSent: number
  /** Milliseconds since the last data was received. If none was: since it was opened. */
  msSinceReceived: number
  /** Segments sent that had no data: acknowledgements. */
  bareAcks: number
  /** Milliseconds for which the kernel waits for data to send along with an acknowledgement (RFC 9293, 3.8.6.3). */
  ackDelayMs: number
}

export interface TcpSocket {
  state: TcpState
  /** As /proc/PID/fd shows it. 0 if no process has it: a connection that nobody has accepted yet, or has closed. */
  inode: number
  port: number
  /** Its own address, for example `127.0.0.1:3000`, or `[::1]:3000`. */
  local: string
  peer: string
  /** Bytes that the process has not read. Of a listening socket: connections that are not accepted yet. */
  receiveQueue: number
  /** Bytes that the peer has not acknowledged. Of a listening socket: the backlog. */
  sendQueue: number
  /** Null for listening sockets and handshakes, and where the kernel sends less than that (before Linux 4.19). */
  info: TcpInfo | null
}

/** A dump of the TCP sockets of one address family with this local port, or only of the listening ones. */
export function tcpDiagRequest(family: number, port: number, only?: 'listening'): Buffer {
  const request = emptyRequest(family, NLM_F_REQUEST | NLM_F_DUMP)
  const all = Object.keys(states).reduce((bits, state) => bits | (1 << Number(state)), 0)
  request.writeUInt8(1 << (INET_DIAG_INFO - 1), messageHeaderBytes + 2)
  request.writeUInt32LE(only ? 1 << TCP_LISTEN : all, messageHeaderBytes + 4)
  request.writeUInt16BE(port, messageHeaderBytes + 8)
  return request
}

export interface SocketEnd {
  address: string
  port: number
}

/** The connection between these ends, as the socket at `local` sees it. Both addresses are of the same family. */
export function tcpLookupRequest(local: SocketEnd, peer: SocketEnd): Buffer {
  const [source, target] = [ipBytes(local.address), ipBytes(peer.address)]
  const request = emptyRequest(source.length === 4 ? AF_INET : AF_INET6, NLM_F_REQUEST)
  request.writeUInt32LE(0xffffffff, messageHeaderBytes + 4)
  request.writeUInt16BE(local.port, messageHeaderBytes + 8)
  request.writeUInt16BE(peer.port, messageHeaderBytes + 10)
  request.set(source, messageHeaderBytes + 12)
  request.set(target, messageHeaderBytes + 28)
  request.fill(0xff, messageHeaderBytes + 48) // INET_DIAG_NOCOOKIE
  return request
}

function emptyRequest(family: number, flags: number): Buffer {
  const request = Buffer.alloc(messageHeaderBytes + requestBytes)
  request.writeUInt32LE(request.length, 0)
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4)
  request.writeUInt16LE(flags, 6)
  request.writeUInt8(family, messageHeaderBytes)
  request.writeUInt8(IPPROTO_TCP, messageHeaderBytes + 1)
  return request
}

/** One datagram of the kernel's answer. `errno`: 0, or why it ended. */
export function parseTcpDiag(datagram: Buffer): { sockets: TcpSocket[]; done: boolean; errno: number } {
  const sockets: TcpSocket[] = []
  for (let at = 0; at + messageHeaderBytes <= datagram.length;) {
    const length = datagram.readUInt32LE(at)
    const type = datagram.readUInt16LE(at + 4)
    const payload = datagram.subarray(at + messageHeaderBytes, at + length)
    if (type === NLMSG_DONE || type === NLMSG_ERROR) {
      return { sockets, done: true, errno: payload.length < 4 ? 0 : Math.abs(payload.readInt32LE(0)) }
    }
    const parsed = type === SOCK_DIAG_BY_FAMILY ? parseSocket(payload) : null
    if (parsed) sockets.push(parsed)
    at += Math.max(align(length), messageHeaderBytes)
  }
  return { sockets, done: false, errno: 0 }
}

function parseSocket(payload: Buffer): TcpSocket | null {
  const state = states[payload.readUInt8(1) as keyof typeof states] as TcpState | undefined
  if (state === undefined) return null
  const addressBytes = payload.readUInt8(0) === AF_INET ? 4 : 16
  const end = (addressAt: number, portAt: number) =>
    formatEnd(formatIp(payload.subarray(addressAt, addressAt + addressBytes)), payload.readUInt16BE(portAt))
  return {
    state,
    inode: payload.readUInt32LE(68),
    port: payload.readUInt16BE(4),
    local: end(8, 4),
    peer: end(24, 6),
    receiveQueue: payload.readUInt32LE(56),
    sendQueue: payload.readUInt32LE(60),
    info: state === 'listen' || state === 'syn-received' ? null : tcpInfo(payload.subarray(socketBytes)),
  }
}

const formatEnd = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

function tcpInfo(attributes: Buffer): TcpInfo | null {
  for (let at = 0; at + attributeHeaderBytes <= attributes.length;) {
    const length = attributes.readUInt16LE(at)
    const type = attributes.readUInt16LE(at + 2)
    if (type === INET_DIAG_INFO)
      return parseTcpInfo(attributes.subarray(at + attributeHeaderBytes, at + length))
    at += Math.max(align(length), attributeHeaderBytes)
  }
  return null
}

/** Newer kernels append fields to struct tcp_info, and change none. */
function parseTcpInfo(info: Buffer): TcpInfo | null {
  if (info.length < 208) return null
  return {
    bytesReceived: Number(info.readBigUInt64LE(128)),
    bytesSent: Number(info.readBigUInt64LE(200)),
    notSent: info.readUInt32LE(144),
    msSinceSent: info.readUInt32LE(44),
    msSinceReceived: info.readUInt32LE(52),
    bareAcks: info.readUInt32LE(136) - info.readUInt32LE(156), // tcpi_segs_out, tcpi_data_segs_out
    ackDelayMs: info.readUInt32LE(12) / 1000, // tcpi_ato
  }
}
