/** What the answer to an upgrade request says of the WebSocket that it opens. */
export interface Accepted {
  /** Sec-WebSocket-Protocol; empty: none was agreed on. */
  protocol: string
  /** Sec-WebSocket-Extensions: what follows is more than plain frames, `permessage-deflate` for example. */
  extensions: string
}

/**
 * Reads the response head that the application writes to an upgraded socket.
 * Undefined: there is more to come. Null: it opens no WebSocket.
 */
export function readHandshake(head: string): Accepted | null | undefined {
  const end = head.indexOf('\r\n\r\n')
  if (end === -1) return head.length < longestHead && isBeginning(head) ? undefined : null
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
/** Node reads no longer one either (http.maxHeaderSize). */
const longestHead = 16 * 1024
