import net from 'node:net'
import type { TestContext } from 'node:test'

/** Passes everything on to `port`, and counts the streams that clients open on plaintext HTTP/2. */
export async function countStreams(t: TestContext, port: number) {
  let sent = 0
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const counter = new StreamCounter()
    const upstream = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    client.on('data', (chunk) => (sent += counter.count(chunk)))
    client.pipe(upstream).pipe(client)
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      one.on('error', () => other.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { port: (server.address() as net.AddressInfo).port, sent: () => sent }
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.length
const headersFrame = 1

/** Counts the streams that a client opens, by its HEADERS frames (RFC 9113, 4.1): trailers it sends none. */
class StreamCounter {
  #rest: Buffer = Buffer.alloc(0)
  /** Bytes that belong to something that is known already. */
  #skip = preface

  /** How many of them begin in `chunk`. */
  count(chunk: Buffer): number {
    let streams = 0
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      const skipped = Math.min(this.#skip, data.length)
      this.#skip -= skipped
      data = data.subarray(skipped)
      if (data.length < 9) break
      if (data[3] === headersFrame) streams++
      this.#skip = 9 + data.readUIntBE(0, 3)
    }
    this.#rest = data
    return streams
  }
}
