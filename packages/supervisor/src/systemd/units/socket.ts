import type { ListenerSpec } from '../../model/index.js'
import { quotePath } from './quote.js'

/** Each listener has its own unit, since FileDescriptorName= applies to every socket of a unit. */
export function socketUnit(
  { service, listener, serviceUnit }: { service: string; listener: string; serviceUnit: string },
  spec: ListenerSpec,
): string {
  return `[Unit]
Description=Listener ${listener} of ${service}

[Socket]
${[...addressLines(spec), `FileDescriptorName=${listener}`, `Service=${serviceUnit}`].join('\n')}

[Install]
WantedBy=sockets.target
`
}

function addressLines(spec: ListenerSpec): string[] {
  switch (spec.type) {
    case 'tcp':
      return [`ListenStream=${inetAddress(spec)}`, ...ipv6Only(spec.host), `Backlog=${spec.backlog}`]
    case 'udp':
      return [`ListenDatagram=${inetAddress(spec)}`, ...ipv6Only(spec.host)]
    case 'unix':
      return [
        `ListenStream=${quotePath(spec.path)}`,
        `SocketMode=${spec.mode.toString(8).padStart(4, '0')}`,
        ...(spec.user === undefined ? [] : [`SocketUser=${spec.user}`]),
        ...(spec.group === undefined ? [] : [`SocketGroup=${spec.group}`]),
        `Backlog=${spec.backlog}`,
        'RemoveOnStop=yes',
      ]
  }
}

const inetAddress = ({ host, port }: { host: string; port: number }): string =>
  host.includes(':') ? `[${host}]:${port}` : `${numeric(host)}:${port}`

/** A socket unit accepts no host names. */
const numeric = (host: string): string => (host === 'localhost' ? '127.0.0.1' : host)

const ipv6Only = (host: string): string[] =>
  host.includes(':') ? [`BindIPv6Only=${host === '::' ? 'both' : 'ipv6-only'}`] : []
