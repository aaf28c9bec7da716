/** What the response to an upgrade request says about the WebSocket that it opens. */
export interface Accepted {
  /** Sec-WebSocket-Protocol. Empty: none. */
  protocol: string
  /** Sec-WebSocket-Extensions, `permessage-deflate` for example. Empty: plain frames. */
  extensions: string
}

/**
 * Reads the response head that the application writes to an upgraded socket.
 * Undefined: it is not complete. Null: it opens no WebSocket.
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
/** Bytes. As Node limits the headers of a request (http.maxHeaderSize). */
const maxHead = 16 * 1024
