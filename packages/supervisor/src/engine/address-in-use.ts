import type { Address } from '../ports.js'

/**
 * The address that a program could not bind because it is in use, from its last lines of output. Null if they do not
 * say so, or not for which address.
 */
export function addressInUse(output: string[]): Address | null {
  const lines = output.filter((line) => inUse.test(line))
  if (lines.length === 0) return null
  for (const line of lines.toReversed()) {
    const address = fromLine(line)
    if (address) return address
  }
  return fromProperties(output)
}

/** Node, libc's strerror(3), Go, Java, puma; gunicorn. */
const inUse = /EADDRINUSE|address already in use|connection in use/i

function fromLine(line: string): Address | null {
  const node = /\b(listen|bind) EADDRINUSE(?:: address already in use)? ([^\s"',}\\]+)/.exec(line)
  if (node) return fromText(node[2] ?? '', node[1] === 'bind' ? 'udp' : 'tcp')
  for (const pattern of patterns) {
    const { host, port } = pattern.exec(line)?.groups ?? {}
    if (port !== undefined) return inet(host, port, /\budp\b/i.test(line) ? 'udp' : 'tcp')
  }
  return null
}

/** `('127.0.0.1', 8000)`; `"0.0.0.0" port 3000`; `0.0.0.0:80`, `[::]:80`, `:8080`; `port 3000`. */
const patterns = [
  /\('(?<host>[^']*)', (?<port>\d{1,5})\b/,
  /"(?<host>[^"]*)" port (?<port>\d{1,5})\b/,
  /(?<host>\[[0-9a-f:]+\]|\d+\.\d+\.\d+\.\d+|localhost|\*|(?<=\s)):(?<port>\d{1,5})\b/i,
  /\bport\s+(?<port>\d{1,5})\b/i,
]

/** Node prints the error's properties below a stack, which may be longer than the lines that are kept. */
function fromProperties(output: string[]): Address | null {
  const property = (name: string) =>
    output.map((line) => new RegExp(`^\\s*${name}: '?([^',]*)'?,?$`).exec(line)?.[1]).findLast(Boolean)
  const [address, port] = [property('address'), property('port')]
  const type = property('syscall') === 'bind' ? 'udp' : 'tcp'
  if (address?.startsWith('/')) return { type: 'unix', path: address }
  return port === undefined ? null : inet(address, port, type)
}

/** Node prints `:::3000`, without brackets, and null for a host that it does not know. */
function fromText(text: string, type: 'tcp' | 'udp'): Address | null {
  if (text.startsWith('/')) return { type: 'unix', path: text }
  const at = text.lastIndexOf(':')
  return at === -1 ? null : inet(text.slice(0, at), text.slice(at + 1), type)
}

function inet(host: string | undefined, port: string, type: 'tcp' | 'udp'): Address | null {
  const number = Number(port)
  if (!Number.isInteger(number) || number < 1 || number > 65535) return null
  const known = host === undefined || host === 'null' || host === '*' ? '' : host.replace(/^\[|\]$/g, '')
  return { type, host: known, port: number }
}
