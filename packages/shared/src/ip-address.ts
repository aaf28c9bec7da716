import os from 'node:os'

/** The 4 bytes of an IPv4 address or the 16 of an IPv6 address, without `%zone`. The address must be valid. */
export function ipBytes(address: string): Buffer {
  const [plain = ''] = address.split('%')
  return plain.includes(':') ? ipv6Bytes(plain) : Buffer.from(plain.split('.').map(Number))
}

function ipv6Bytes(address: string): Buffer {
  const last = address.slice(address.lastIndexOf(':') + 1)
  const hex = last.includes('.') ? address.slice(0, -last.length) + dottedGroups(last) : address
  const [before = [], after = []] = hex
    .split('::')
    .map((half) => (half === '' ? [] : half.split(':').map((group) => Number.parseInt(group, 16))))
  const zeros = Array<number>(8 - before.length - after.length).fill(0)
  const bytes = Buffer.alloc(16)
  ;[...before, ...zeros, ...after].forEach((group, index) => bytes.writeUInt16BE(group, 2 * index))
  return bytes
}

/** `127.0.0.1` at the end of an IPv6 address, as two groups: `7f00:1`. */
function dottedGroups(dotted: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number)
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

/** The address as text. IPv6 is in the canonical form of RFC 5952. */
export function formatIp(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/**
 * An address in the format of /proc/net/tcp (proc_net(5)): each 32 bits are a number in the machine's byte order, so
 * 127.0.0.1 is `0100007F` on x86-64 and arm64.
 */
export function toProcNet(bytes: Buffer): string {
  return inMachineOrder(Buffer.from(bytes)).toString('hex').toUpperCase()
}

/** A port in the format of the same tables: 4 hexadecimal digits. */
export const toProcNetPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')

/** The reverse of `toProcNet`. */
export function fromProcNet(hex: string): Buffer {
  return inMachineOrder(Buffer.from(hex, 'hex'))
}

/** Changes `bytes` in place. */
function inMachineOrder(bytes: Buffer): Buffer {
  return os.endianness() === 'LE' ? bytes.swap32() : bytes
}
