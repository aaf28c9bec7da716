import koffi from 'koffi'
import { ipBytes } from '#shared/ip-address.js'
import { SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF, SOL_SOCKET } from '#shared/socket-constants.js'
import { setsockopt, setsockoptBytes } from './posix.js'

/**
 * Which socket of a group gets a new connection. The group are the listening sockets that are bound to one address
 * with SO_REUSEPORT (socket(7)). The kernel numbers them in the order of their listen(2) calls, and asks a classic BPF
 * program for a number. When one is closed, the last one of the group gets its number.
 */
export interface Steering {
  /** The numbers of those that get new connections, each as many. Must not be empty. */
  among: number[]
  /** Connections from these addresses of this machine that get a certain socket instead. */
  except?: Exception[]
}

export interface Exception {
  host: string
  port: number
  number: number
}

/** struct sock_filter of <linux/filter.h>. */
interface Instruction {
  code: number
  jumpTrue?: number
  jumpFalse?: number
  k: number
}

// BPF_CLASS | BPF_SIZE | BPF_MODE and BPF_CLASS | BPF_OP | BPF_K of <linux/bpf_common.h>
const loadWord = (k: number): Instruction => ({ code: 0x20, k })
const loadHalf = (k: number): Instruction => ({ code: 0x28, k })
const loadByte = (k: number): Instruction => ({ code: 0x30, k })
const modulo = (k: number): Instruction => ({ code: 0x94, k })
const and = (k: number): Instruction => ({ code: 0x54, k })
const ret = (k: number): Instruction => ({ code: 0x06, k })
/** Skips `skip` instructions unless the accumulator is k. */
const unless = (k: number, skip: number): Instruction => ({ code: 0x15, jumpTrue: 0, jumpFalse: skip, k })

/** The data of the packet begins after its TCP header. At these offsets it has more (<linux/filter.h>). */
const SKF_NET_OFF = -0x100000
const SKF_AD_RANDOM = -0x1000 + 56

/** The program that names a socket for each new connection. At random: hashes of a few clients are not evenly spread. */
export function steeringProgram({ among, except = [] }: Steering): Buffer {
  const random = [loadWord(SKF_AD_RANDOM), modulo(among.length)]
  const chosen = among.flatMap((number, index) => [unless(index, 1), ret(number)])
  return encode([...except.flatMap(exception), ...random, ...chosen, ret(among[0] ?? 0)])
}

/** Compares version, source address (the last 4 bytes), and source port; IPv4 without options, as Linux sends it. */
function exception({ host, port, number }: Exception): Instruction[] {
  const bytes = ipBytes(host)
  const [version, address, source] = bytes.length === 4 ? [0x40, 12, 20] : [0x60, 20, 40]
  return [
    loadByte(SKF_NET_OFF),
    and(0xf0),
    unless(version, 5),
    loadWord(SKF_NET_OFF + address),
    unless(bytes.readUInt32BE(bytes.length - 4), 3),
    loadHalf(SKF_NET_OFF + source),
    unless(port, 1),
    ret(number),
  ]
}

function encode(program: Instruction[]): Buffer {
  const bytes = Buffer.alloc(8 * program.length)
  program.forEach(({ code, jumpTrue = 0, jumpFalse = 0, k }, index) => {
    bytes.writeUInt16LE(code, 8 * index)
    bytes.writeUInt8(jumpTrue, 8 * index + 2)
    bytes.writeUInt8(jumpFalse, 8 * index + 3)
    bytes.writeUInt32LE(k >>> 0, 8 * index + 4)
  })
  return bytes
}

/**
 * Steers the group that the socket belongs to, from the next SYN on. A program replaces the one before it atomically.
 * It stays until all sockets of the group are closed. If it names a number that no socket has, the kernel chooses by
 * a hash.
 */
export function steer(fd: number, steering: Steering): void {
  const program = steeringProgram(steering)
  const header = Buffer.alloc(16) // struct sock_fprog
  header.writeUInt16LE(program.length / 8, 0)
  header.writeBigUInt64LE(koffi.address(program), 8)
  setsockoptBytes(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, header)
  void program.length // the header points to it: it must not be garbage-collected before the call returns
}

/** Lets the kernel choose by a hash of the addresses again. */
export function stopSteering(fd: number): void {
  setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)
}
