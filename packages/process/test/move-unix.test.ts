import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { App, type AppOptions } from './app.js'
import { RawConnection } from './raw-client.js'
import { heldUnix } from './sockets.js'

const kinds: [string, string, AppOptions][] = [
  ['register', 'unix.cjs', {}],
  ['handover()', 'library.mjs', { register: false }],
]
for (const [name, fixture, options] of kinds) {
  void test(`${name} moves idle, busy and silent connections of a unix listener`, async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-'))
    const listener = heldUnix(path.join(folder, 'web.sock'))
    t.after(() => {
      listener.close()
      fs.rmSync(folder, { recursive: true, force: true })
    })
    const SOCKET_PATH = path.join(folder, 'web.sock')
    const start = async () => {
      const app = await App.start(t, fixture, {
        ...options,
        listeners: { http: listener },
        env: { SOCKET_PATH, PORT: '1' },
      })
      await app.message('ready')
      return app
    }
    const connect = async () => {
      const connection = await RawConnection.open({ path: SOCKET_PATH })
      t.after(() => connection.close())
      return connection
    }
    const old = await start()
    const [idle, busy, silent] = [await connect(), await connect(), await connect()]
    for (const connection of [idle, busy]) assert.equal((await connection.ask('/'))?.body, String(old.pid))
    await old.until(() => old.account?.accepted === 3)
    const next = await start()
    busy.get('/slow/300')
    await busy.until(() => busy.socket.bytesWritten > 0)
    await idle.ask('/') // everything written before was read before this request
    const exit = old.handOverTo(next)
    // They move one after the other. One that sends a request before its move is answered by the old process.
    await next.until(() => (next.account?.adopted ?? 0) >= 2)
    for (const connection of [idle, silent]) assert.equal((await connection.ask('/'))?.body, String(next.pid))
    await busy.until(() => busy.responses.length === 2 || busy.ended)
    assert.deepEqual([busy.responses[1]?.body, busy.responses[1]?.headers.connection], ['slow', 'keep-alive'])
    assert.deepEqual(await exit, { code: 0, signal: null })
    assert.equal((await busy.ask('/'))?.body, String(next.pid))
    assert.deepEqual([...idle.ends, ...busy.ends, ...silent.ends], [])
    const { account } = await old.message('drained')
    assert.deepEqual([account.accepted, account.handedOver, account.open], [3, 3, 0])
    await next.until(() => next.account?.adopted === 3)
  })
}
