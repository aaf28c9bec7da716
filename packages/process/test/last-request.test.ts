import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { App } from './app.js'
import { RawConnection, requestText } from './raw-client.js'
import { serve } from './stage.js'

const started = (t: TestContext, env: Record<string, string> = {}) => serve(t, 'http.cjs', { env })

const bodies = (connection: RawConnection) => connection.responses.map(({ body }) => body)
const closes = (connection: RawConnection) =>
  connection.responses.map(({ headers }) => headers.connection === 'close')

void test('drain answers every pipelined request when they come in one packet', async (t) => {
  const { app, connect } = await started(t)
  const connection = await connect()
  await connection.ask('/')
  const exit = app.stop()
  await app.message('draining')
  connection.write(['a', 'b', 'c', 'd'].map((name) => requestText(`/echo/${name}`)).join(''))
  await connection.until(() => connection.ended)
  assert.deepEqual(bodies(connection).slice(1), ['a', 'b', 'c', 'd'])
  assert.deepEqual(closes(connection), [false, false, false, false, true])
  assert.deepEqual(connection.ends, ['end'])
  connection.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
})

void test('drain answers every pipelined request when it begins between their packets', async (t) => {
  const { app, connect } = await started(t)
  const connection = await connect()
  const text = ['a', 'b', 'c', 'd', 'e'].map((name) => requestText(`/echo/${name}`)).join('')
  const slow = requestText('/slow/200')
  // The first packet ends within the request line of b, which the server must keep.
  const cut = slow.length + requestText('/echo/a').length + 7
  connection.write((slow + text).slice(0, cut))
  const other = await connect()
  await other.ask('/') // the first packet has been read
  const exit = app.stop()
  await app.message('draining')
  connection.write((slow + text).slice(cut, cut + 50))
  await connection.until(() => connection.responses.length >= 1)
  connection.write((slow + text).slice(cut + 50))
  await connection.until(() => connection.ended)
  assert.deepEqual(bodies(connection), ['slow', 'a', 'b', 'c', 'd', 'e'])
  assert.deepEqual(closes(connection), [false, false, false, false, false, true])
  connection.close()
  other.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
})

void test('drain sends Connection: close with the newest request when responses finish in another order', async (t) => {
  const { app, connect } = await started(t)
  const connection = await connect()
  connection.write(requestText('/slow/300') + requestText('/echo/fast') + requestText('/slow/100'))
  const other = await connect()
  await other.ask('/')
  const exit = app.stop()
  await connection.until(() => connection.ended)
  assert.deepEqual(bodies(connection), ['slow', 'fast', 'slow'])
  assert.equal(connection.responses.at(-1)?.headers.connection, 'close')
  connection.close()
  other.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
})

void test('drain keeps a connection for one more request when the header was already sent', async (t) => {
  const { app, connect } = await started(t)
  const connection = await connect()
  connection.get('/flushed/300')
  await connection.until(() => connection.socket.bytesRead > 0)
  const exit = app.stop()
  await app.message('draining')
  await connection.until(() => connection.responses.length === 1)
  assert.equal(connection.ended, false)
  const last = await connection.ask('/echo/more')
  assert.equal(last?.body, 'more')
  assert.equal(last.headers.connection, 'close')
  connection.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
})

void test('drain overrides keep-alive when the application sets it in writeHead', async (t) => {
  const { app, connect } = await started(t)
  const connection = await connect()
  await connection.ask('/')
  const exit = app.stop()
  await app.message('draining')
  const last = await connection.ask('/proxy')
  assert.equal(last?.headers.connection, 'close')
  await connection.until(() => connection.ended)
  connection.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
})

void test('drain answers the first request of a connection when it arrives together with the drain', async (t) => {
  const { app, connect } = await started(t)
  const fresh = await connect()
  const other = await connect()
  await other.ask('/') // both were accepted before this request
  const exit = app.stop()
  await app.message('draining')
  const first = await fresh.ask('/echo/first')
  assert.equal(first?.body, 'first')
  assert.equal(first.headers.connection, 'close')
  fresh.close()
  other.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
})

void test('drain closes a connection with a FIN when it is idle for idleSeconds', async (t) => {
  const { app, connect } = await started(t, { HANDOVER_IDLE_SECONDS: '0.5' })
  const used = await connect()
  await used.ask('/')
  const fresh = await connect()
  const exit = app.stop()
  await Promise.all([used, fresh].map((connection) => connection.until(() => connection.ended)))
  assert.deepEqual([used.ends[0], fresh.ends[0]], ['end', 'end'])
  used.close()
  fresh.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
  const { account, cut, seconds } = await app.message('drained')
  assert.deepEqual(cut, [])
  assert.equal(account.endedOrderly, 2)
  assert.ok(seconds >= 0.5, `it waited: ${seconds}`)
})

void test('drain cuts busy connections at the deadline, and names their requests', async (t) => {
  const { app, connect } = await started(t, { HANDOVER_DRAIN_SECONDS: '1' })
  const half = await connect()
  half.write('GET /half HTTP/1.1\r\nHo')
  const slow = await connect()
  slow.get('/slow/60000')
  const other = await connect()
  await other.ask('/')
  other.close()
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
  const { cut, account } = await app.message('drained')
  assert.equal(cut.length, 2)
  assert.ok(cut.includes('half-sent request'), cut.join())
  assert.match(cut.find((entry) => entry.startsWith('GET')) ?? '', /^GET \/slow\/60000 1\.\d s$/)
  assert.equal(account.endedAtDeadline, 2)
  assert.equal(
    account.accepted,
    account.endedByPeer + account.endedOrderly + account.endedAtDeadline + account.open,
  )
})

void test('drain ends a connection with Connection: close when its client never stops pipelining', async (t) => {
  const { app, connect } = await started(t, { HANDOVER_DRAIN_SECONDS: '2' })
  const connection = await connect()
  let sent = 2
  connection.write(requestText('/slow/50') + requestText('/slow/50'))
  const exit = app.stop()
  while (!connection.ended) {
    const answered = connection.responses.length
    await connection.until(() => connection.responses.length > answered || connection.ended)
    if (!connection.ended && connection.responses.at(-1)?.headers.connection !== 'close') {
      connection.get('/slow/50')
      sent++
    }
  }
  assert.equal(connection.responses.at(-1)?.headers.connection, 'close')
  assert.equal(connection.ends[0], 'end')
  assert.ok(sent - connection.responses.length <= 1, `${sent} sent, ${connection.responses.length} answered`)
  connection.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
  assert.deepEqual((await app.message('drained')).cut, [])
})

void test('drain answers every connection that is in the accept queue when it begins', async (t) => {
  // No other process has the listener: connections left in its queue would be reset.
  const app = await App.start(t, 'pod.cjs', { unsupervised: true, env: { HANDOVER_IDLE_SECONDS: '1' } })
  await app.untilOutput(' listens')
  const port = Number(/port (\d+) listens/.exec(app.output)?.[1])
  app.signal('SIGSTOP')
  const connections = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open({ port })))
  for (const connection of connections) {
    t.after(() => connection.close())
    connection.get('/echo/queued')
  }
  app.signal('SIGTERM')
  app.signal('SIGCONT')
  for (const connection of connections) {
    await connection.until(() => connection.responses.length === 1 || connection.ended)
    assert.deepEqual(bodies(connection), ['queued'])
  }
  assert.deepEqual(await app.exited, { code: 0, signal: null })
})
