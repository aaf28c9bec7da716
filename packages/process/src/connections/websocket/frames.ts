/**
 * Reads the frames of one direction of a WebSocket (RFC 6455, 5.2). It knows the position in the stream, and keeps no
 * payload. Chunks may be cut anywhere.
 */
export class FrameReader {
  readonly #header = Buffer.alloc(maxHeader)
  /** How many bytes of the current frame's header have come. */
  #have = 0
  /** How many bytes of its payload are still to come. */
  #payload = 0
  #fragmented = false
  #closed = false
  #broken = false
  #delivered = 0

  /** Whether the position is between two frames. */
  get betweenFrames(): boolean {
    return this.#have === 0 && !this.#broken
  }

  /** Whether the position is between two messages, too: another process can continue from here. */
  get betweenMessages(): boolean {
    return this.betweenFrames && !this.#fragmented
  }

  /** Whether some fragments of a message were read, but not the last one. */
  get fragmented(): boolean {
    return this.#fragmented
  }

  /** Whether a Close frame was read. Nothing may follow it (RFC 6455, 5.5.1). */
  get closed(): boolean {
    return this.#closed
  }

  /** How many messages, Pings and Pongs were completed. */
  get delivered(): number {
    return this.#delivered
  }

  /** Returns how many bytes at the end of the chunk belong to a frame that is not complete. */
  push(chunk: Uint8Array): number {
    let start = 0
    for (let at = 0; at < chunk.length && !this.#closed && !this.#broken;) {
      if (this.#have === 0) start = at
      at = this.#isInPayload() ? this.#skip(chunk.length, at) : this.#readHeader(chunk, at)
      if (this.#isInPayload() && this.#payload === 0) this.#endFrame()
    }
    return this.#have === 0 ? 0 : chunk.length - start
  }

  #isInPayload(): boolean {
    return this.#have > 0 && this.#have === this.#headerLength()
  }

  #skip(end: number, at: number): number {
    const skipped = Math.min(this.#payload, end - at)
    this.#payload -= skipped
    return at + skipped
  }

  #readHeader(chunk: Uint8Array, at: number): number {
    this.#header[this.#have++] = chunk[at] ?? 0
    if (this.#isInPayload()) this.#payload = this.#payloadLength()
    if (!Number.isSafeInteger(this.#payload)) this.#broken = true
    return at + 1
  }

  /** 2 to 14 bytes, as far as the received bytes determine it. */
  #headerLength(): number {
    if (this.#have < 2) return 2
    const second = this.#header[1] ?? 0
    const length = second & 0x7f
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second & 0x80 ? 4 : 0)
  }

  #payloadLength(): number {
    const length = (this.#header[1] ?? 0) & 0x7f
    if (length === 126) return this.#header.readUInt16BE(2)
    if (length === 127) return this.#header.readUInt32BE(2) * 2 ** 32 + this.#header.readUInt32BE(6)
    return length
  }

  #endFrame(): void {
    const first = this.#header[0] ?? 0
    const final = (first & 0x80) !== 0
    const opcode = first & 0x0f
    this.#have = 0
    if (opcode === opcodes.close) this.#closed = true
    else if (opcode >= firstControlOpcode) this.#delivered++
    else {
      this.#fragmented = !final
      if (final) this.#delivered++
    }
  }
}

/** RFC 6455, 5.2. */
export const opcodes = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const
const firstControlOpcode = 8
/** Two bytes, eight of length, four of masking key. */
const maxHeader = 14

/** A server's Close frame, which is not masked. `reason`: at most 123 bytes. */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason)
  const frame = Buffer.alloc(4 + text.length)
  frame[0] = 0x80 | opcodes.close
  frame[1] = 2 + text.length
  frame.writeUInt16BE(code, 2)
  text.copy(frame, 4)
  return frame
}

/** "Service Restart" in IANA's registry of WebSocket close codes: the client may reconnect after a random delay. */
export const serviceRestart = { code: 1012, reason: 'Service Restart' } as const
