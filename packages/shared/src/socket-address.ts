/** Linux's layout of socket addresses: ip(7), ipv6(7), unix(7). Families are in host order, ports in network order. */
import os from 'node:os'
import { formatIp, ipBytes } from './ip-address.js'
import { AF_INET, AF_INET6, AF_UNIX } from './socket-constants.js'

/** The maximum length of a unix socket's path, in bytes: sun_path has 108, including the final NUL (unix(7)). */
export const maxUnixPathBytes = 107

/** struct sockaddr_un. A path that begins with NUL is a name of the abstract namespace, which has no final NUL. */
export function unixAddress(path: string): Buffer {
  return Buffer.concat([native16(AF_UNIX), Buffer.from(path.startsWith('\0') ? path : `${path}\0`)])
}

/** The same for a name in the notation of sd_notify(3), where `@` stands for the NUL of the abstract namespace. */
export const namedUnixAddress = (name: string): Buffer => unixAddress(name.replace(/^@/, '\0'))

/** Says in one sentence what is wrong with a unix socket's name. `what` is the setting that has it. Null if valid. */
export function checkUnixName(what: string, name: string): string | null {
  if (!/^[/@]./.test(name)) return `${what} is "${name}", wanted an absolute path or a name after "@"`
  const bytes = Buffer.byteLength(name)
  return bytes > maxUnixPathBytes
    ? `${what} is "${name}", a path of ${bytes} bytes, wanted at most ${maxUnixPathBytes} (unix(7))`
    : null
}

/** struct sockaddr_in or sockaddr_in6. A zone (`fe80::1%eth0`) becomes the index of the interface. */
export function inetAddress(host: string, port: number): Buffer {
  const bytes = ipBytes(host)
  if (bytes.length === 4) return Buffer.concat([native16(AF_INET), network16(port), bytes, Buffer.alloc(8)])
  const [, zone] = host.split('%')
  const scope = Buffer.from(new Uint32Array([zone === undefined ? 0 : zoneIndex(zone)]).buffer)
  return Buffer.concat([native16(AF_INET6), network16(port), Buffer.alloc(4), bytes, scope])
}

export const familyOf = (address: Buffer): number => address.readUInt16LE(0)

export const portOf = (address: Buffer): number => address.readUInt16BE(2)

/** The IP address as text. */
export const hostOf = (address: Buffer): string =>
  formatIp(familyOf(address) === AF_INET ? address.subarray(4, 8) : address.subarray(8, 24))

/** Formats an address for messages: `127.0.0.1:3000`, `[::1]:3000`. */
export function formatInetAddress(address: Buffer): string {
  const host = hostOf(address)
  return `${familyOf(address) === AF_INET ? host : `[${host}]`}:${portOf(address)}`
}

const native16 = (value: number): Buffer => Buffer.from(new Uint16Array([value]).buffer)

function network16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

const zoneIndex = (zone: string): number =>
  os.networkInterfaces()[zone]?.flatMap((one) => (one.family === 'IPv6' ? [one.scopeid] : []))[0] ??
  Number(zone)
