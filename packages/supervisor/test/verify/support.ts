import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { within } from '@handover/testkit'
import { startLoad, type Load, type LoadOptions, type LoadReport } from '../../dist/verify/index.js'

/** No wait of these tests is longer; whatever ends by this has failed. */
export const limitMs = 10_000

/** A server on a free port of 127.0.0.1, gone with its connections when the test ends. */
export async function listen(
  t: TestContext,
  server: Server,
  address: object = { host: '127.0.0.1', port: 0 },
) {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  server.listen(address)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const bound = server.address()
  if (typeof bound === 'string' || bound === null) return { path: bound ?? '' }
  return { host: bound.address === '::' ? '127.0.0.1' : bound.address, port: bound.port }
}

export interface RawRequest {
  text: string
  /** Its place on its connection and among all requests, counted from 1. */
  number: number
  total: number
  id: string
}

/** A server by hand: hears of each request (a head without a body), and does to the socket whatever it likes. */
export function rawServer(answer: (socket: Socket, request: RawRequest) => void): Server {
  let total = 0
  return createServer((socket) => {
    let [text, number] = ['', 0]
    socket.on('data', (data) => {
      text += data.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end)
        text = text.slice(end + 4)
        const id = /x-request-id: (.*)/i.exec(head)?.[1] ?? ''
        answer(socket, { text: head, number: ++number, total: ++total, id })
      }
    })
  })
}

export const okAnswer = (body: string, fields = '') =>
  `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`

/** A load that is stopped when the test ends, if it was not before. */
export function load(t: TestContext, options: LoadOptions): Load {
  const started = startLoad({ timeoutMs: limitMs, ...options })
  t.after(() => started.stop())
  return started
}

/** One busy keep-alive client until its first failure; the final report. */
export function untilFailure(t: TestContext, options: Omit<LoadOptions, 'workloads'> & Partial<LoadOptions>) {
  const workloads = { keepAlive: [{ connections: 1, thinkMs: [0, 0] as const }] }
  return within(load(t, { workloads, stopAtFirstFailure: true, ...options }).finished)
}

/** Runs until `enough` outcomes say so; the final report. */
export async function untilEnough(
  t: TestContext,
  options: LoadOptions,
  enough: (counts: Map<string, number>) => boolean,
): Promise<LoadReport> {
  const counts = new Map<string, number>()
  const reached = new Promise<void>((resolve) => {
    const running = load(t, {
      ...options,
      onOutcome(_outcome, workload) {
        counts.set(workload, (counts.get(workload) ?? 0) + 1)
        if (enough(counts)) resolve(running.stop().then(() => undefined))
      },
    })
    void running.finished.then((report) => (last = report))
  })
  let last: LoadReport | undefined
  await within(reached)
  if (last === undefined) throw new Error('the load has not finished')
  return last
}

/** The outcomes that were seen at all. */
export const seen = ({ outcomes }: LoadReport) =>
  Object.fromEntries(Object.entries(outcomes).filter(([, count]) => count > 0))
