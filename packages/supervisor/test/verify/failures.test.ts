import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import test, { type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { within } from '@handover/testkit'
import { Answer, type Expected } from '../../dist/verify/answer.js'
import { Connection } from '../../dist/verify/connection.js'
import { calibrate } from '../../dist/verify/index.js'
import type { FailedOutcome, LoadOptions, LoadReport } from '../../dist/verify/index.js'
import {
  limitMs,
  listen,
  okAnswer,
  rawServer,
  seen,
  untilEnough,
  untilFailure,
  type RawRequest,
} from './support.js'

/** A server that answers twice as it should, and then does what the test wants to be seen. */
const thirdTime = (misbehave: (socket: Socket, request: RawRequest) => void) =>
  rawServer((socket, request) => {
    if (request.total < 3) socket.write(okAnswer('hello'))
    else misbehave(socket, request)
  })

const misdeeds: [name: string, FailedOutcome, RegExp, (socket: Socket, request: RawRequest) => void][] = [
  ['resets', 'reset', /broke with ECONNRESET, before any byte/, (socket) => socket.resetAndDestroy()],
  [
    'closes without an answer',
    'closedBeforeAnswer',
    /before any byte of the answer$/,
    (socket) => socket.end(),
  ],
  [
    'sends half a head',
    'truncated',
    /within the head/,
    (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-'),
  ],
  [
    'sends half a body',
    'truncated',
    /after 3 bytes of the body/,
    (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel'),
  ],
  [
    'leaves out the last chunk',
    'truncated',
    /after 5 bytes of the body/,
    (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'),
  ],
  [
    'sends a chunk size that is none',
    'malformed',
    /chunk size is "five"/,
    (socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n'),
  ],
  [
    'does not speak HTTP',
    'malformed',
    /begins with "SSH-2.0/,
    (socket) => socket.write('SSH-2.0-OpenSSH\r\n'),
  ],
  [
    'answers with 503',
    'wrong',
    /status is 503, wanted one below 500/,
    (socket) => socket.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'),
  ],
]

for (const [name, outcome, detail, misbehave] of misdeeds) {
  void test(`startLoad() counts one ${outcome} when the server ${name}`, async (t) => {
    const target = await listen(t, thirdTime(misbehave))
    const report = await untilFailure(t, { target })
    assert.deepEqual(seen(report), { answered: 2, [outcome]: 1 })
    assert.match(report.failures[0]?.detail ?? '', detail)
    assert.equal(report.requests, 3)
  })
}

void test('startLoad() counts refused when no process listens', async (t) => {
  const server = createServer()
  const target = await listen(t, server)
  server.close()
  await once(server, 'close')
  assert.deepEqual(seen(await untilFailure(t, { target })), { refused: 1 })
  const arrivals = { newConnections: { perSecond: 100 } }
  assert.deepEqual(seen(await untilFailure(t, { target, workloads: arrivals })), { refused: 1 })
  const nowhere = { path: `/tmp/handover-verify-nowhere-${process.pid}.sock` }
  assert.deepEqual(seen(await untilFailure(t, { target: nowhere })), { refused: 1 })
})

void test('startLoad() counts clientError when this machine cannot even try', async (t) => {
  const target = await listen(
    t,
    rawServer((socket) => socket.write(okAnswer('hello'))),
  )
  const client = `
    import { startLoad } from ${JSON.stringify(new URL('../../dist/verify/index.js', import.meta.url).href)}
    const load = startLoad({
      target: ${JSON.stringify(target)},
      workloads: { keepAlive: [{ connections: 100, thinkMs: [60000, 60000] }] },
      stopAtFirstFailure: true,
    })
    process.stdout.write(JSON.stringify(await load.finished))`
  // 64 descriptors are enough for Node itself, and not for 100 connections, of which every other is opened early.
  const program = ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, client]
  const { stdout } = await within(promisify(execFile)('/bin/sh', program))
  const report = JSON.parse(stdout) as LoadReport
  assert.deepEqual(seen(report), { clientError: 1 })
  assert.match(report.failures[0]?.detail ?? '', /could not be opened: EMFILE/)
})

void test('Connection counts a reset when it comes in the middle of an answer', async (t) => {
  let serverSide: Socket | undefined
  const target = await listen(
    t,
    rawServer((socket) => {
      serverSide = socket
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel')
    }),
  )
  const calls = await within(
    new Promise<string[]>((resolve) => {
      const seen: string[] = []
      const connection = new Connection(
        { target, timeoutMs: limitMs },
        {
          answered: () => seen.push('answered'),
          failed: (_exchange, outcome, detail) => seen.push(`${outcome}: ${detail}`),
          idle: () => seen.push('idle'),
          ended: (how) => resolve([...seen, how]),
        },
      )
      const expected: Expected = { type: 'class', statusClass: 2 }
      const answer = new Answer(expected, null)
      // libuv tells a reset that is already there behind the last bytes as an end: first the bytes, then the reset.
      answer.read = (piece) => {
        answer.bytes += piece.length
        setImmediate(() => serverSide?.resetAndDestroy())
      }
      const plan = { method: 'GET' as const, path: '/', expected, echoesId: false, close: false }
      connection.expect('1-1', plan, answer)
      connection.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    }),
  )
  assert.deepEqual(calls, [
    'reset: the connection broke with ECONNRESET, after 3 bytes of the body',
    'failed',
  ])
})

void test('startLoad() counts one timeout when the server hangs', async (t) => {
  const target = await listen(
    t,
    thirdTime(() => {}),
  )
  const report = await untilFailure(t, { target, timeoutMs: 100 })
  assert.deepEqual(seen(report), { answered: 2, timeout: 1 })
  assert.match(report.failures[0]?.detail ?? '', /no whole answer within 100 ms, before any byte/)
})

void test('startLoad() counts one malformed when the server sends an answer without a request', async (t) => {
  const target = await listen(
    t,
    createServer((socket) => socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')),
  )
  // Two clients, of which the second opens its connection first and thinks long: nothing of it is in flight.
  const workloads = { keepAlive: [{ connections: 2, thinkMs: [limitMs, limitMs] as const }] }
  const report = await untilFailure(t, { target, workloads })
  assert.deepEqual(seen(report), { malformed: 1 })
  assert.match(report.failures[0]?.detail ?? '', /no request asked for "HTTP\/1.1 408/)
})

void test('startLoad() counts wrong when the body differs from the calibrated one', async (t) => {
  let body = 'the right one'
  const target = await listen(
    t,
    rawServer((socket) => socket.write(okAnswer(body))),
  )
  const report = await calibratedUntilFailure(t, { target }, () => (body = 'the wrong one'))
  assert.equal(report.outcomes.wrong, 1)
  assert.equal(report.failed, 1)
  assert.match(report.failures[0]?.detail ?? '', /from byte 4 on the body is "wrong one", wanted "right one"/)
})

void test('startLoad() counts wrong when an answer carries the id of another request', async (t) => {
  let swap = false
  const target = await listen(
    t,
    rawServer((socket, { id }) => socket.write(okAnswer('', `X-Request-Id: ${swap ? 'other' : id}\r\n`))),
  )
  const report = await calibratedUntilFailure(t, { target }, () => (swap = true))
  assert.equal(report.outcomes.wrong, 1)
  assert.match(report.failures[0]?.detail ?? '', /answer is to request "other", wanted "\d+-\d+"/)
})

void test('startLoad() counts what was pipelined behind an announced close as closed before its answer', async (t) => {
  const target = await listen(
    t,
    rawServer((socket, { total }) => {
      if (total <= 4) socket.write(okAnswer('hello'))
      else if (total === 5) socket.end(okAnswer('hello', 'Connection: close\r\n'))
    }),
  )
  // The connection's 4 requests, then 4 of which one is answered.
  const workloads = { pipelining: { connections: 1, depth: 4 } }
  const report = await untilFailure(t, { target, workloads })
  assert.deepEqual(seen(report), { answered: 5, closedBeforeAnswer: 3 })
  assert.match(report.failures[0]?.detail ?? '', /that it had announced/)
})

void test('startLoad() continues after failures unless stopAtFirstFailure is set', async (t) => {
  const target = await listen(
    t,
    rawServer((socket, { total }) => {
      if (total % 2 === 0) socket.end()
      else socket.write(okAnswer('hello'))
    }),
  )
  const workloads = { newConnections: { perSecond: 500 } }
  const report = await untilEnough(
    t,
    { target, workloads },
    (counts) => (counts.get('new connections') ?? 0) >= 80,
  )
  assert.equal(report.outcomes.closedBeforeAnswer, report.failed)
  assert.ok(report.failed >= 30 && report.answered >= 30)
  assert.equal(report.failures.length, 20, 'only the first ones are kept')
  assert.equal(report.requests, report.answered + report.failed)
})

async function calibratedUntilFailure(
  t: TestContext,
  options: Pick<LoadOptions, 'target'>,
  change: () => void,
) {
  const calibration = await calibrate({ ...options, workloads: {} })
  assert.ok(calibration.ok)
  let answered = 0
  const onOutcome = () => {
    if (++answered === 3) change()
  }
  return untilFailure(t, { ...options, calibration: calibration.value, onOutcome })
}
