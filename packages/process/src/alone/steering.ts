import fs from 'node:fs'
import type net from 'node:net'
import { descriptorOf } from '../node/handle.js'
import { loadKoffi, type Koffi } from '../system/koffi.js'
import { waitUntilQueuesAreEmpty } from '../system/waiting.js'
import { SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF } from '../system/socket-constants.js'

/**
 * Two sockets on one port (SO_REUSEPORT): the kernel gives each connection to one of them, by a hash, at its SYN; and
 * one that is in the queue of a socket when that is closed is reset. So before the old one closes, the kernel is told
 * to choose the new one always (SO_ATTACH_REUSEPORT_CBPF, socket(7)), and then the old one accepts what it has.
 *
 * The program's answer is an index into the group of sockets, in the order in which they began to listen: ours is 0 and
 * our successor's 1, where we were alone. Once we are gone there is no 1, and the kernel takes the one that is left.
 */
export class Steering {
  /** Ports on which we alone listened when the successor was started. */
  readonly #ours = new Set<number>()

  /**
   * Before the successor is started: until it is ready we get our share. `draining`: our own predecessor may still be
   * in the group, and would come between in its order, so it is waited for, as long as a drain takes.
   */
  async prepare(servers: readonly net.Server[], drainMs: number, draining: () => boolean): Promise<void> {
    const koffi = loadKoffi()
    this.#ours.clear()
    if (koffi === null) return
    const deadline = performance.now() + drainMs
    for (const { fd, port } of servers.flatMap(described)) {
      let others = listenersOn(port) - 1
      while (others > 0 && draining() && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, lookMs))
        others = listenersOn(port) - 1
      }
      set(koffi, fd, SO_DETACH_REUSEPORT_BPF, Buffer.alloc(4)) // a predecessor's, until now of use to it
      if (others === 0) this.#ours.add(port)
    }
  }

  /** Resolves when the queues of these servers are empty, as nothing comes to them any more. `accepted` counts. */
  async empty(servers: readonly net.Server[], accepted: () => number, mostMs: number): Promise<void> {
    const koffi = loadKoffi()
    let steered = false
    for (const { fd, port } of servers.flatMap(described)) {
      if (koffi === null || !this.#ours.has(port)) continue
      steered = steerToSecond(koffi, fd) || steered
    }
    await waitUntilQueuesAreEmpty(accepted, { minMs: steered ? handshakeMs : 0, maxMs: mostMs })
  }
}

function described(server: net.Server): { fd: number; port: number }[] {
  const address = server.address()
  const fd = descriptorOf(server)
  return fd < 0 || address === null || typeof address === 'string' ? [] : [{ fd, port: address.port }]
}

/** Sockets that listen on that port, proc_net_tcp(5). */
function listenersOn(port: number): number {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(readLines).filter((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    return state === LISTEN && local.endsWith(end)
  }).length
}

function readLines(file: string): string[] {
  try {
    return fs.readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}

/** struct sock_fprog with one instruction, BPF_RET | BPF_K: 1. */
function steerToSecond(koffi: Koffi, fd: number): boolean {
  const instruction = Buffer.from(new Uint32Array([BPF_RET, 1]).buffer)
  const program = Buffer.alloc(16)
  new Uint16Array(program.buffer, program.byteOffset, 1)[0] = 1
  new BigUint64Array(program.buffer, program.byteOffset + 8, 1)[0] = koffi.address(instruction)
  const attached = set(koffi, fd, SO_ATTACH_REUSEPORT_CBPF, program)
  void instruction.length // the program points to it: it must not be collected before the call returns
  return attached
}

function set(koffi: Koffi, fd: number, option: number, value: Buffer): boolean {
  const setsockopt = koffi.load(null).func('int setsockopt(int, int, int, const void *, unsigned int)')
  return Number(setsockopt(fd, SOL_SOCKET, option, value, value.length)) === 0
}

/** A handshake whose SYN came before is over within a round trip; 200 ms is also the least that TCP waits (RTO). */
const handshakeMs = 200
const lookMs = 20
const LISTEN = '0A'
const BPF_RET = 0x06
