import type net from 'node:net'

/**
 * Half-closes, and reads until the peer closes, too (RFC 9112, 9.6). A socket closed with unread bytes sends a reset,
 * which may destroy the response that is still on its way to the client.
 */
export function lingeringClose(stream: net.Socket): void {
  if (stream.destroyed) return
  stream.end(() => {
    if (stream.destroyed) return
    const timer = setTimeout(() => stream.destroy(), lingerMs)
    stream.once('close', () => clearTimeout(timer))
  })
}

/** Sends a FIN after what the application has written, and closes 250 ms later at the latest. */
export function endThenDestroy(stream: net.Socket): void {
  const timer = setTimeout(() => stream.destroy(), lastWriteMs)
  stream.once('close', () => clearTimeout(timer))
  stream.destroySoon()
}

/** Milliseconds. A client that was told `close` and got a FIN has no reason to stay longer than a slow round trip. */
const lingerMs = 1000
/** Milliseconds. The process must exit within a second after its deadline. */
const lastWriteMs = 250
