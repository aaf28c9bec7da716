import net from 'node:net'

/** Keep-alive connections that are idle but for the requests that `ask` sends. */
export interface IdleClients {
  /** One request on each; resolves with the processes that answered, and how often. Rejects on a wrong answer. */
  ask(): Promise<Map<string, number>>
  /** How many of them have ended. */
  readonly closed: number
  end(): void
}

/** At once; a listen queue is 511 long where nobody set it. */
const opening = 200

/** Opens them on `port`, some at a time, and asks once on each, so that they are idle and not fresh. */
export async function openIdleClients(port: number, count: number): Promise<IdleClients> {
  const clients: Client[] = []
  while (clients.length < count) {
    const more = Array.from({ length: Math.min(opening, count - clients.length) }, () => new Client(port))
    await Promise.all(more.map((client) => client.ask()))
    clients.push(...more)
  }
  return {
    async ask() {
      const answers = new Map<string, number>()
      for (let from = 0; from < count; from += opening) {
        const some = clients.slice(from, from + opening)
        for (const process of await Promise.all(some.map((client) => client.ask())))
          answers.set(process, (answers.get(process) ?? 0) + 1)
      }
      return answers
    },
    get closed() {
      return clients.filter(({ ended }) => ended).length
    },
    end() {
      for (const client of clients) client.end()
    },
  }
}

class Client {
  ended = false
  readonly #socket: net.Socket
  #text = ''
  #answered: (process: string) => void = () => {}
  #failed: (error: Error) => void = () => {}

  constructor(port: number) {
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.setEncoding('latin1').on('data', (chunk) => this.#read(String(chunk)))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.ended = true
      this.#failed(new Error('the connection was closed'))
    })
  }

  ask(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve
      this.#failed = reject
      if (this.ended) return reject(new Error('the connection was closed before'))
      this.#socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    })
  }

  end(): void {
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    this.#text += chunk
    const whole = /^HTTP\/1\.1 200 .*\r\nx-process: (\d+)\.\S+\r\n.*\r\n\r\n.*0 bytes\n/is.exec(this.#text)
    if (whole === null) return
    this.#text = ''
    this.#answered(whole[1] ?? '')
  }
}
