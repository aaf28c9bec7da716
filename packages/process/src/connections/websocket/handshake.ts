/** What the response to an upgrade request says about the WebSocket that it opens. */
export interface Accepted {
  /** Sec-WebSocket-Protocol. Empty if there is none. */
  protocol: string
  /** Sec-WebSocket-Extensions, for example `permessage-deflate`. Empty if there are none. */
  extensions: string
}

/**
 * Reads the response head that the application writes to an upgraded socket.
 * Returns undefined if it is not complete, and null if it does not open a WebSocket.
 */
export function readHandshake(head: string): Accepted | null | undefined {
  const end = head.indexOf('\r\n\r\n')
  if (end === -1) return head.length < maxHead && isBeginning(head) ? undefined : null
  const [status = '', ...lines] = head.slice(0, end).split('\r\n')
  if (!/^HTTP\/1\.1 101(\s|$)/.test(status)) return null
  const fields = new Map(lines.map(field))
  if (fields.get('upgrade')?.toLowerCase() !== 'websocket') return null
  return {
    protocol: fields.get('sec-websocket-protocol') ?? '',
    extensions: fields.get('sec-websocket-extensions') ?? '',
  }
}

function field(line: string): [name: string, value: string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]
}

const isBeginning = (head: string) => head.startsWith(version) || version.startsWith(head)
const version = 'HTTP/1.1 101'
/** Bytes. The same as Node's limit for the headers of a request (http.maxHeaderSize). */
const maxHead = 16 * 1024
