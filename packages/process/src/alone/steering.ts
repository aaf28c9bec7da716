import fs from 'node:fs'
import type net from 'node:net'
import { descriptorOf } from '../node/handle.js'
import { loadKoffi, type Koffi } from '../system/koffi.js'
import { waitUntilQueuesAreEmpty } from '../system/waiting.js'
import { SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF } from '#shared/socket-constants.js'

/**
 * With two sockets on one port (SO_REUSEPORT), the kernel assigns each connection to one of them by a hash, at its SYN.
 * When a socket closes, the connections in its queue are reset. So before the old socket closes, a BPF program makes
 * the kernel choose the new one each time (SO_ATTACH_REUSEPORT_CBPF, socket(7)), and then the old process accepts what
 * is queued.
 *
 * The program returns an index into the group of sockets, in the order in which they began to listen. With no third
 * socket in the group, this process has 0 and its successor 1. Once 0 is closed there is no 1, and the kernel uses the
 * socket that is left.
 */
export class Steering {
  /** The ports that had no third socket in the group when the successor was started. */
  readonly #sole = new Set<number>()

  /**
   * To be called before the successor is started. `draining`: whether a predecessor of this process may still be in the
   * group, which would change the order. Then this waits for its end, at most `drainMs`.
   */
  async prepare(servers: readonly net.Server[], drainMs: number, draining: () => boolean): Promise<void> {
    const koffi = loadKoffi()
    this.#sole.clear()
    if (koffi === null) return
    const deadline = performance.now() + drainMs
    for (const { fd, port } of servers.flatMap(portOf)) {
      let others = listenersOn(port) - 1
      while (others > 0 && draining() && performance.now() < deadline) {
        await sleep(lookMs)
        others = listenersOn(port) - 1
      }
      set(koffi, fd, SO_DETACH_REUSEPORT_BPF, Buffer.alloc(4)) // attached by a predecessor
      if (others === 0) this.#sole.add(port)
    }
  }

  /**
   * Steers new connections to the successor, and resolves when the queues of these servers are empty and no handshake
   * with them is under way: closing a listener resets both. Waits for a client that does not finish its handshake for
   * at most half of `maxMs`: open connections need the rest.
   */
  async empty(servers: readonly net.Server[], accepted: () => number, maxMs: number): Promise<void> {
    const koffi = loadKoffi()
    const startedAt = performance.now()
    const steered = servers
      .flatMap(portOf)
      .filter(({ fd, port }) => koffi !== null && this.#sole.has(port) && steerToSecond(koffi, fd))
    const ports = steered.map(({ port }) => port)
    // Handshakes that begin from here on are with the successor, except for a SYN that the kernel is handling now.
    if (ports.length > 0) await sleep(lookMs)
    let begun = handshakesWith(ports)
    while (begun.size > 0 && performance.now() < startedAt + maxMs / 2) {
      await sleep(lookMs)
      const underWay = handshakesWith(ports)
      begun = new Set([...begun].filter((handshake) => underWay.has(handshake)))
    }
    await waitUntilQueuesAreEmpty(accepted, { maxMs: startedAt + maxMs - performance.now() })
  }
}

function portOf(server: net.Server): { fd: number; port: number }[] {
  const address = server.address()
  const fd = descriptorOf(server)
  return fd < 0 || address === null || typeof address === 'string' ? [] : [{ fd, port: address.port }]
}

/** The number of sockets that listen on that port. */
const listenersOn = (port: number): number => socketsOn(port, LISTEN).length

/** The handshakes with these ports that are under way, each as its two addresses. */
const handshakesWith = (ports: readonly number[]): Set<string> =>
  new Set(ports.flatMap((port) => socketsOn(port, SYN_RECV)))

/** Local and remote address of the sockets on that port in that state, as proc_net_tcp(5) prints them. */
function socketsOn(port: number, wanted: string): string[] {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(readLines).flatMap((line) => {
    const [, local = '', remote = '', state] = line.trim().split(/\s+/)
    return state === wanted && local.endsWith(end) ? [`${local} ${remote}`] : []
  })
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
  void instruction.length // the program points to it, so it must not be garbage-collected before the call returns
  return attached
}

function set(koffi: Koffi, fd: number, option: number, value: Buffer): boolean {
  const setsockopt = koffi.load(null).func('int setsockopt(int, int, int, const void *, unsigned int)')
  return Number(setsockopt(fd, SOL_SOCKET, option, value, value.length)) === 0
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

const lookMs = 20
const LISTEN = '0A'
const SYN_RECV = '03'
const BPF_RET = 0x06
