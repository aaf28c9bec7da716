import { isIP } from 'node:net'
import { z } from 'zod'
import type { ListenerSpec } from '../../model/index.js'
import { account, count, fields, portNumber, text } from './common.js'

/**
 * Connections that may wait to be accepted. The kernel caps it at net.core.somaxconn (4096 since Linux 5.4). A
 * long queue costs nothing and keeps the connections that arrive while instances change.
 */
const defaultBacklog = 4096

/** systemd's default for SocketMode=: a proxy that runs as another user must be able to connect. */
const defaultMode = '0666'

const wantedListener =
  "a port (3000), an address ('127.0.0.1:3000', '[::1]:3000', 'unix:/run/web.sock', 'udp:127.0.0.1:8125'), { port, host } or { path }"
const wantedHost = 'an IP address, "localhost" or "*"'
const wantedMode = "the permission bits as octal digits in quotes, such as '0660'"

const host = z
  .string({ error: wantedHost })
  .refine((value) => hostAddress(value) !== null, { error: wantedHost })
  .transform((value) => hostAddress(value) ?? value)
  .meta({ description: 'IP address to listen on, "localhost" (127.0.0.1) or "*" (::, which takes IPv4 too)' })

const backlog = count(1)
  .default(defaultBacklog)
  .meta({ description: 'Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn' })

const tcpObject = fields({ port: portNumber, host: host.default('::'), backlog }).transform(
  (tcp): ListenerSpec => ({ type: 'tcp', ...tcp }),
)

const unixObject = fields({
  path: text('a path').meta({ description: 'Path of the socket, from the folder of the configuration' }),
  mode: z
    .string({ error: wantedMode })
    .regex(/^0?[0-7]{3}$/, { error: wantedMode })
    .default(defaultMode)
    .meta({ description: 'Permission bits of the socket, octal' }),
  user: account.optional().meta({ description: 'Owner of the socket: a name or an id' }),
  group: account.optional().meta({ description: 'Group of the socket: a name or an id' }),
  backlog,
}).transform(({ path, mode, user, group, backlog }): ListenerSpec => {
  const owner = { ...(user !== undefined && { user }), ...(group !== undefined && { group }) }
  return { type: 'unix', path, mode: Number.parseInt(mode, 8), ...owner, backlog }
})

const portOnly = portNumber.transform((port): ListenerSpec => ({
  type: 'tcp',
  host: '::',
  port,
  backlog: defaultBacklog,
}))

const addressText = z.string({ error: wantedListener }).transform((value, context): ListenerSpec => {
  const parsed = parseAddress(value)
  if (parsed !== null) return parsed
  context.issues.push({ code: 'custom', input: value, message: wantedListener })
  return z.NEVER
})

/** One listener in any of its forms; a unix path is still relative to the configuration's folder. */
export const listener = z
  .union([portOnly, addressText, tcpObject, unixObject], { error: wantedListener })
  .meta({
    title: 'Listener',
    description: `Where to listen: ${wantedListener.slice('a '.length)}`,
  })

/** Parses `3000`, `127.0.0.1:3000`, `[::1]:3000`, `unix:/path` or `udp:127.0.0.1:8125`. Null for anything else. */
export function parseAddress(value: string): ListenerSpec | null {
  if (value.startsWith('unix:')) {
    const path = value.slice('unix:'.length)
    const mode = Number.parseInt(defaultMode, 8)
    return path === '' ? null : { type: 'unix', path, mode, backlog: defaultBacklog }
  }
  const match = /^(?:(?<type>tcp|udp):)?(?:(?:\[(?<v6>[^\]]*)\]|(?<name>[^:[\]]*)):)?(?<port>\d{1,5})$/.exec(
    value,
  )
  const { type, v6, name, port: digits } = match?.groups ?? {}
  const port = Number(digits)
  const address = v6 === undefined ? hostAddress(name ?? '') : isIP(v6) === 6 ? v6 : null
  if (!match || address === null || port > 65535) return null
  return type === 'udp'
    ? { type: 'udp', host: address, port }
    : { type: 'tcp', host: address, port, backlog: defaultBacklog }
}

/** The IP address. Null for other names, whose look-up could change between upgrades. */
function hostAddress(value: string): string | null {
  if (value === '' || value === '*') return '::'
  if (value === 'localhost') return '127.0.0.1'
  return isIP(value) === 0 ? null : value
}
