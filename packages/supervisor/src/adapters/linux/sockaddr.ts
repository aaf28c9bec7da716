/** Socket addresses as Linux lays them out: ip(7), ipv6(7), unix(7). Families are in host order, ports in network order. */

const AF_UNIX = 1
const AF_INET = 2

/** The longest path of a unix socket, in bytes: sun_path holds 108 with the final NUL. */
export const longestUnixPath = 107

export function unixAddress(path: string): Buffer {
  const bytes = Buffer.from(path)
  const address = Buffer.alloc(2 + bytes.length + 1)
  address.writeUInt16LE(AF_UNIX, 0)
  bytes.copy(address, 2)
  return address
}

export const familyOf = (address: Buffer): number => address.readUInt16LE(0)

export const portOf = (address: Buffer): number => address.readUInt16BE(2)

/** As a person writes it: `127.0.0.1:3000`, `[::1]:3000`. */
export function formatInetAddress(address: Buffer): string {
  if (familyOf(address) === AF_INET) return `${address.subarray(4, 8).join('.')}:${portOf(address)}`
  return `[${formatIPv6(address.subarray(8, 24))}]:${portOf(address)}`
}

function formatIPv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16))
  // URL's host is the canonical form of RFC 5952, with the longest run of zeroes shortened.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
