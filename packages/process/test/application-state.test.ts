import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RawConnection, requestText } from './raw-client.js'
import { idle, stage } from './stage.js'

/** No connection ends because the machine is slow. */
const slow = { HANDOVER_DRAIN_SECONDS: '60', HANDOVER_IDLE_SECONDS: '50' }
const orderly = { code: 0, signal: null }
const header = 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'

for (const WAY of [
  'a property',
  'a symbol',
  'a getter',
  "a 'data' listener",
  "an 'end' listener",
  "a 'data' listener for one chunk",
]) {
  void test(`a connection stays until its last request when the application has attached ${WAY}`, async (t) => {
    const service = stage(t, 'state.cjs', { register: 'bundle', env: { WAY, ...slow } })
    const old = await service.start()
    const [attached, free] = await idle(service, old, 2)
    assert.ok(attached && free)
    await attached.ask('/attach')
    const next = await service.start()
    const exit = old.handOverTo(next)
    await old.message('draining')
    const last = await attached.ask('/')
    assert.deepEqual([last?.body, last?.headers.connection], [String(old.pid), 'close'])
    await next.until(() => next.account?.adopted === 1)
    assert.equal((await free.ask('/'))?.body, String(next.pid))
    assert.deepEqual(await exit, orderly)
    const { account, cut } = await old.message('drained')
    assert.deepEqual([cut, account.handedOver], [[], 1])
  })
}

for (const [WAY, env] of [
  ['bookkeeping only', {}],
  ['a property', { HANDOVER_MOVE: 'all' }],
] as [string, Record<string, string>][]) {
  void test(`a connection with ${WAY} moves ${JSON.stringify(env)}, and 'connection' is emitted there`, async (t) => {
    const service = stage(t, 'state.cjs', { register: 'bundle', env: { WAY, ...slow, ...env } })
    const old = await service.start()
    const [connection] = await idle(service, old, 1)
    await connection?.ask('/attach')
    const next = await service.start()
    assert.deepEqual(await old.handOverTo(next), orderly)
    assert.equal((await connection?.ask('/'))?.body, String(next.pid))
    await next.untilOutput(`connection ${connection?.socket.localPort}`)
  })
}

for (const scheme of ['NTLM', 'Negotiate']) {
  void test(`a connection that ${scheme} has authenticated stays until its last request`, async (t) => {
    const service = stage(t, 'state.cjs', { register: 'bundle', env: { WAY: 'nothing', ...slow } })
    const old = await service.start()
    const connection = await service.connect()
    connection.write(requestText('/').replace('\r\n\r\n', `\r\nauthorization: ${scheme} TlRM\r\n\r\n`))
    await connection.until(() => connection.responses.length === 1)
    await connection.ask('/')
    const next = await service.start()
    const exit = old.handOverTo(next)
    await old.message('draining')
    const last = await connection.ask('/')
    assert.deepEqual([last?.body, last?.headers.connection], [String(old.pid), 'close'])
    assert.deepEqual(await exit, orderly)
  })
}

for (const [WAY, prefix, secure = false] of [
  ['a PROXY header', header],
  ["a PROXY header before 'connection'", header],
  ['a first byte', ''],
  ['the first byte of TLS', '', true],
] as [string, string, boolean?][]) {
  void test(`connections end with their last request when the application takes ${WAY} before the parser`, async (t) => {
    const service = stage(t, 'state.cjs', { register: 'bundle', env: { WAY, ...slow } })
    const old = await service.start()
    const open = async (): Promise<RawConnection> => {
      const connection = await RawConnection.open({ port: service.port }, secure)
      t.after(() => connection.close())
      if (prefix !== '') connection.write(prefix)
      await connection.ask('/')
      return connection
    }
    const connections = await Promise.all([open(), open()])
    // A server of raw TCP receives nothing from predecessors.
    const exit = prefix === '' ? old.stop() : old.handOverTo(await service.start())
    await old.message('draining')
    for (const connection of connections) {
      const last = await connection.ask('/')
      assert.deepEqual([last?.body, last?.headers.connection], [String(old.pid), 'close'])
    }
    assert.deepEqual(await exit, orderly)
    const { account, cut } = await old.message('drained')
    assert.deepEqual([cut, account.handedOver], [[], 0])
  })
}
