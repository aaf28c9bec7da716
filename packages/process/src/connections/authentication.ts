/**
 * Whether these headers authenticate the connection and not only the request: NTLM, and Negotiate (RFC 4559, section
 * 6). The server remembers its challenge, and later the user, for the connection.
 */
export function authenticatesConnection(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    // The length is compared first, because this runs for each request.
    if (!lengths.has(name.length) || !names.test(name)) continue
    if (schemes.test(rawHeaders[i + 1] ?? '')) return true
  }
  return false
}

const names = /^(proxy-)?authorization$/i
const lengths = new Set(['authorization', 'proxy-authorization'].map(({ length }) => length))
const schemes = /^(ntlm|negotiate)\b/i
