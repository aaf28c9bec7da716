import koffi from 'koffi'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'

/**
 * Looks up names with the C library, like every other program on the machine: /etc/hosts, DNS, NSS. These calls block
 * until the answer is there, which is acceptable here: they run once, before anything is served.
 */

const libc = koffi.load(null)
const call = <T>(prototype: string): T => libc.func(prototype) as unknown as T

const getaddrinfo = call<(host: string, port: string, hints: Buffer, out: Buffer) => number>(
  'int getaddrinfo(const char *, const char *, const void *, void *)',
)
const freeaddrinfo = call<(list: bigint) => void>('void freeaddrinfo(void *)')
const gaiStrerror = call<(code: number) => string>('const char *gai_strerror(int)')
const getpwnam = call<(name: string) => bigint | null>('void *getpwnam(const char *)')
const getgrnam = call<(name: string) => bigint | null>('void *getgrnam(const char *)')

/** The first address of the host, as a sockaddr that contains the port. */
export function resolveHost(host: string, port: number, type: number): Result<Buffer> {
  const hints = Buffer.alloc(48)
  hints.writeInt32LE(type, 8) // ai_socktype
  const out = Buffer.alloc(8)
  const code = getaddrinfo(host, String(port), hints, out)
  if (code !== 0) return failed('Usage', `the host "${host}" is not known: ${gaiStrerror(code)}`)
  const list = out.readBigUInt64LE()
  const info = Buffer.from(koffi.view(list, 48))
  const address = Buffer.from(koffi.view(info.readBigUInt64LE(24), info.readUInt32LE(16))) // ai_addr, ai_addrlen
  const copy = Buffer.from(address)
  freeaddrinfo(list)
  return ok(copy)
}

/** The uid of a user. `name` may be the number itself. */
export function userId(name: string): Result<number> {
  return lookUp('user', name, getpwnam)
}

/** The gid of a group. `name` may be the number itself. */
export function groupId(name: string): Result<number> {
  return lookUp('group', name, getgrnam)
}

function lookUp(kind: string, name: string, find: (name: string) => bigint | null): Result<number> {
  if (/^\d+$/.test(name)) return ok(Number(name))
  const entry = find(name)
  if (entry === null) return failed('Usage', `the ${kind} "${name}" does not exist`)
  // struct passwd and struct group both begin with char *name, char *password, id.
  return ok(new DataView(koffi.view(entry, 20)).getUint32(16, true))
}
