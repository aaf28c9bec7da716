import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Socket } from 'node:net'
import test from 'node:test'
import { within } from '@handover/testkit'
import { calibrate, type Workloads } from '../../dist/verify/index.js'
import { listen, load, okAnswer, rawServer, seen, untilEnough } from './support.js'

const long = Buffer.alloc(300_000, 'a line of a long answer\n')

/** A sound service: echoes ids, takes its time, streams, counts what is uploaded. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost')
  response.setHeader('X-Request-Id', request.headers['x-request-id'] ?? '')
  if (url.pathname === '/slow') {
    setTimeout(() => response.end('slow'), Number(url.searchParams.get('ms')))
  } else if (url.pathname === '/stream') {
    response.write(long.subarray(0, 100_000))
    response.end(long.subarray(100_000))
  } else if (request.method === 'POST') {
    const hash: Buffer[] = []
    request.on('data', (piece: Buffer) => hash.push(piece))
    request.on('end', () => response.end(Buffer.concat(hash)))
  } else {
    response.end('hello')
  }
}

const everything: Workloads = {
  newConnections: { perSecond: 100 },
  keepAlive: [
    { connections: 20, thinkMs: [0, 50] },
    { connections: 50, thinkMs: [100, 300] },
  ],
  slow: { concurrency: 4, path: '/slow', ms: [10, 300] },
  uploads: { concurrency: 2, bytes: 50_000, path: '/upload' },
  streams: { concurrency: 2, path: '/stream' },
  pipelining: { connections: 2, depth: 5 },
}

void test('startLoad() has no failure when the server is sound, whatever the workload', async (t) => {
  const target = await listen(t, createServer(serve))
  const calibration = await calibrate({ target, workloads: everything })
  assert.ok(calibration.ok)
  assert.deepEqual(
    calibration.value.paths().map(({ method, path, compared }) => `${method} ${path}: ${compared}`),
    ['/', '/slow?ms=10', '/upload', '/stream'].map(
      (path) => `${path === '/upload' ? 'POST' : 'GET'} ${path}: status and body`,
    ),
  )
  assert.equal(calibration.value.find('GET', '/')?.echoesId, true)
  const options = { target, workloads: everything, calibration: calibration.value }
  const report = await untilEnough(
    t,
    options,
    (counts) => counts.size === 7 && [...counts.values()].every((n) => n > 5),
  )
  assert.deepEqual(seen(report), { answered: report.requests })
  assert.equal(report.failures.length, 0)
  assert.equal(report.latency.overall.count, report.requests)
  assert.ok(report.latency.overall.maxMs >= report.latency.overall.p50Ms)
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report, 'the report is JSON-safe')
})

void test('startLoad() has no failure over a unix socket', async (t) => {
  const target = await listen(t, createServer(serve), { path: `/tmp/handover-verify-${process.pid}.sock` })
  const report = await untilEnough(t, { target, workloads: everything }, (counts) => counts.size === 7)
  assert.deepEqual(seen(report), { answered: report.requests })
  assert.match(report.target, /^unix:\/tmp\//)
})

void test('startLoad() counts a close while idle, and no failure, when nothing was in flight', async (t) => {
  const target = await listen(
    t,
    rawServer((socket) => socket.end(okAnswer('hello'))),
  )
  const workloads = { keepAlive: [{ connections: 1, thinkMs: [30, 30] as const }] }
  const report = await untilEnough(t, { target, workloads }, (counts) =>
    [...counts.values()].some((n) => n >= 5),
  )
  assert.deepEqual(seen(report), { answered: report.requests })
  assert.ok(report.connections.closedIdle >= 4 && report.connections.opened >= 5)
  assert.equal(report.connections.announcedCloses, 0)
})

void test('startLoad() counts an announced close, and sends nothing after it', async (t) => {
  let afterAnnounced = 0
  const announced = new WeakSet<Socket>()
  const target = await listen(
    t,
    rawServer((socket) => {
      if (announced.has(socket)) afterAnnounced++
      announced.add(socket)
      // The close itself comes late: who trusts the connection until then sends the next request into it.
      socket.write(okAnswer('hello', 'Connection: close\r\n'), () => setTimeout(() => socket.end(), 30))
    }),
  )
  const workloads = { keepAlive: [{ connections: 4, thinkMs: [0, 5] as const }] }
  const report = await untilEnough(t, { target, workloads }, (counts) =>
    [...counts.values()].some((n) => n >= 20),
  )
  assert.deepEqual(seen(report), { answered: report.requests })
  assert.equal(afterAnnounced, 0)
  assert.ok(report.connections.announcedCloses >= 16)
  assert.equal(report.connections.closedIdle, 0)
})

void test('startLoad() takes an answer that lasts until the end of the connection', async (t) => {
  const target = await listen(
    t,
    rawServer((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it')),
  )
  const workloads = { keepAlive: [{ connections: 2, thinkMs: [0, 5] as const }] }
  const report = await untilEnough(t, { target, workloads }, (counts) =>
    [...counts.values()].some((n) => n >= 10),
  )
  assert.deepEqual(seen(report), { answered: report.requests })
})

void test('stop() waits for requests in flight', async (t) => {
  const asked = new EventTarget()
  let answer = () => {}
  const target = await listen(
    t,
    rawServer((socket) => {
      answer = () => socket.write(okAnswer('at last'))
      asked.dispatchEvent(new Event('asked'))
    }),
  )
  const arrived = once(asked, 'asked')
  const running = load(t, { target, workloads: { keepAlive: [{ connections: 1, thinkMs: [0, 0] }] } })
  await within(arrived)
  const stopped = running.stop()
  assert.equal(running.report().inFlight, 1)
  answer()
  assert.deepEqual(seen(await within(stopped)), { answered: 1 })
})

void test('startLoad() writes requests in pieces, and reads late, when slow has no path', async (t) => {
  const pieces: number[] = []
  const server = rawServer((socket) => socket.write(okAnswer('hello')))
  server.on('connection', (socket: Socket) => socket.on('data', (data) => pieces.push(data.length)))
  const target = await listen(t, server)
  const workloads = { slow: { concurrency: 2, ms: [100, 100] as const } }
  const report = await untilEnough(t, { target, workloads }, (counts) => (counts.get('slow') ?? 0) >= 4)
  assert.deepEqual(seen(report), { answered: report.requests })
  assert.ok(pieces.length >= 4 * 5, `${pieces.length} pieces`)
  assert.ok(report.latency.overall.p50Ms >= 90, `${report.latency.overall.p50Ms} ms`)
})
