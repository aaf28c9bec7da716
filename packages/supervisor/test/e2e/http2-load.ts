import type { ClientHttp2Session } from 'node:http2'
import { connect, constants } from 'node:http2'
import type { TestContext } from 'node:test'

export interface Http2Load {
  stop(): Promise<Http2Outcome>
}

export interface Http2Outcome {
  answered: number
  /**
   * Streams that the server said it has not looked at: REFUSED_STREAM, or above a GOAWAY's last stream. Also those that
   * Node's client gives up before they leave it, because it has read a GOAWAY in the meantime.
   */
  refused: number
  failures: string[]
}

/**
 * Clients that ask again at once on each of their streams, and send nothing twice. A pause would change what is tested:
 * the server waits with its GOAWAY until a client has as many streams open as it ever had.
 */
export function http2Load(
  t: TestContext,
  {
    secure = true,
    port,
    sessions,
    streams,
  }: {
    port: number
    sessions: number
    secure?: boolean
    streams: number
  },
): Http2Load {
  const outcome: Http2Outcome = { answered: 0, refused: 0, failures: [] }
  let stopped = false
  t.after(() => (stopped = true))

  async function client(): Promise<void> {
    let session: ClientHttp2Session | null = null
    const current = (): ClientHttp2Session => {
      if (session !== null && !session.closed && !session.destroyed) return session
      const opened = connect(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, {
        rejectUnauthorized: false,
      })
      opened.on('error', (error: Error) => outcome.failures.push(`session: ${error.message}`))
      opened.on('goaway', () => session === opened && (session = null))
      return (session = opened)
    }
    const caller = async () => {
      while (!stopped) await request(current(), outcome)
    }
    await Promise.all(Array.from({ length: streams }, caller))
    session = current()
    await new Promise<void>((resolve) => session?.close(resolve))
  }

  const clients = Array.from({ length: sessions }, client)
  return {
    async stop() {
      stopped = true
      await Promise.all(clients)
      return outcome
    },
  }
}

function request(session: ClientHttp2Session, outcome: Http2Outcome): Promise<void> {
  return new Promise((resolve) => {
    const body = String(Math.random())
    const stream = session.request({ ':method': 'POST', ':path': '/' })
    let [status, answer] = [0, '']
    stream.on('response', (headers) => (status = headers[':status'] ?? 0))
    stream.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk))
    stream.on('error', () => {}) // 'close' follows, with the code
    stream.on('close', () => {
      if (status === 200 && answer === body) outcome.answered++
      else if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM && status === 0) outcome.refused++
      else outcome.failures.push(`${status} ${answer.length} bytes, code ${stream.rstCode}`)
      resolve()
    })
    stream.end(body)
  })
}
