import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestText } from './raw-client.js'
import { assertBalanced, idle, patient, stage } from './stage.js'

const orderly = { code: 0, signal: null }

void test('a successor receives what was sent before when its predecessor is killed during the move, and nothing else is lost', async (t) => {
  const service = stage(t, 'tuned.cjs', patient)
  const old = await service.start()
  const connections = await idle(service, old, 1000)
  const next = await service.start()
  await old.nameSuccessors(next)
  old.signal('SIGTERM')
  await next.until(() => (next.account?.adopted ?? 0) > 100)
  old.signal('SIGKILL')
  await old.exited
  const answers = await Promise.all(connections.map((connection) => connection.ask('/')))
  const answered = answers.filter((answer) => answer?.body === String(next.pid)).length
  // A connection that was not sent ended with its process, and its client has seen the end.
  assert.ok(answers.every((answer, i) => answer !== null || connections[i]?.ended))
  await next.until(() => next.account?.adopted === answered && next.account.answered === answered)
  assert.equal(next.account?.open, answered)
  assertBalanced(next)
  t.diagnostic(`${answered} of 1,000 were adopted`)
})

void test('a connection is counted once when its client resets it during the move', async (t) => {
  const service = stage(t, 'tuned.cjs', patient)
  const old = await service.start()
  const connections = await idle(service, old, 400)
  const next = await service.start()
  const exit = old.handOverTo(next)
  const [resetting, staying] = [connections.slice(0, 200), connections.slice(200)]
  for (const { socket } of resetting) socket.resetAndDestroy()
  assert.deepEqual(await exit, orderly)
  for (const connection of staying) assert.equal((await connection.ask('/'))?.body, String(next.pid))
  assert.ok(staying.every(({ ended }) => !ended))
  await next.until(() => next.account?.open === 200)
  const { account } = await old.message('drained')
  assert.equal(account.handedOver + account.endedByPeer, 400, JSON.stringify(account))
  assert.equal(next.account?.adopted, account.handedOver)
  assert.equal(next.account.endedByPeer, account.handedOver - 200)
  for (const app of [old, next]) assertBalanced(app)
})

void test('a client that ends its side during a request is answered by the process that it asked', async (t) => {
  // Without httpAllowHalfOpen, Node ends such a request.
  const service = stage(t, 'tuned.cjs', { env: { OPTIONS: JSON.stringify({ httpAllowHalfOpen: true }) } })
  const old = await service.start()
  const [connection, marker] = await idle(service, old, 2)
  assert.ok(connection && marker)
  const next = await service.start()
  connection.socket.end(requestText('/slow/500'))
  await marker.ask('/') // everything written before was read before this request
  assert.deepEqual(await old.handOverTo(next), orderly)
  await connection.until(() => connection.ended)
  assert.deepEqual([connection.responses[1]?.body, connection.ends[0]], ['slow', 'end'])
  const { account } = await old.message('drained')
  assert.deepEqual([account.endedByPeer, account.handedOver], [1, 1])
  assertBalanced(old)
})

void test("server.on('connection') gets a received connection once, before its next request", async (t) => {
  const service = stage(t, 'tuned.cjs', { ...patient, env: { ...patient.env, TELL: '1' } })
  const old = await service.start()
  const [connection] = await idle(service, old, 1)
  const next = await service.start()
  assert.deepEqual(await old.handOverTo(next), orderly)
  const seen = `connection ${connection?.socket.localPort}\n`
  assert.ok(old.output.includes(seen))
  await next.until(() => next.account?.adopted === 1)
  assert.ok(!next.output.includes(seen))
  for (let request = 0; request < 3; request++) await connection?.ask('/')
  assert.equal(next.output.split(seen).length, 2)
})
