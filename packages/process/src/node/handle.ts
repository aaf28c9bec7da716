import type net from 'node:net'

interface Handle {
  fd: number
  reading: boolean
  readStart(): void
  readStop(): void
}

/** Node's own object below a socket. */
export const handleOf = (socket: net.Socket): Handle | null =>
  (socket as net.Socket & { _handle?: Handle | null })._handle ?? null

/** `pause()` would not do: Node's HTTP parser reads from the handle directly, and a stream reads ahead. */
export function stopReading(socket: net.Socket): void {
  const handle = handleOf(socket)
  if (handle === null) return
  handle.reading = false
  handle.readStop()
}

export function startReading(socket: net.Socket): void {
  const handle = handleOf(socket)
  if (handle === null) return
  handle.reading = true
  handle.readStart()
}

/** Nothing received that waits to be read, nothing written that waits to be sent. */
export function isEmpty(socket: net.Socket & { _handle?: { writeQueueSize?: number } | null }): boolean {
  return socket.readableLength === 0 && socket.writableLength === 0 && !socket._handle?.writeQueueSize
}
