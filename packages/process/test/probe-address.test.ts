import assert from 'node:assert/strict'
import { test } from 'node:test'
import { App } from './app.js'
import { RawConnection, type RawResponse } from './raw-client.js'
import { heldTcp } from './sockets.js'

for (const [fixture, host, remote] of [
  ['http.cjs', '127.0.0.1', '127.0.0.1'],
  ['http.cjs', '0.0.0.0', '127.0.0.1'],
  ['http.cjs', '::', '::ffff:127.0.0.1'],
  ['http.cjs', '::1', '::1'],
  ['https.cjs', '127.0.0.1', '127.0.0.1'],
  ['cluster.cjs', '127.0.0.1', '127.0.0.1'],
] as const) {
  void test(`a probe of ${fixture} on ${host} has the addresses of a connection from ${remote}`, async (t) => {
    const listener = heldTcp(host)
    t.after(() => listener.close())
    const app = await App.start(t, fixture, {
      register: 'bundle',
      listeners: { http: listener },
      env: { PORT: String(listener.port), HANDOVER_PROBE_DIR: '.' },
    })
    await (fixture === 'cluster.cjs' ? app.untilOutput('worker 1 listens') : app.message('ready'))
    const secure = fixture === 'https.cjs'
    const door = await RawConnection.open({ path: `${app.folder}/http.sock` }, secure)
    t.after(() => door.close())
    const client = host === '::1' ? host : '127.0.0.1'
    const plain = await RawConnection.open({ port: listener.port }, secure, client)
    t.after(() => plain.close())
    const [probe, real] = [await door.ask('/addresses'), await plain.ask('/addresses')].map(parse)
    assert.equal(probe?.remoteAddress, remote)
    assert.ok(Number(probe.remotePort) >= 49152, `port ${String(probe.remotePort)}`)
    assert.deepEqual({ ...probe, remotePort: 0 }, { ...real, remotePort: 0 })
  })
}

const parse = (answer: RawResponse | null) => JSON.parse(answer?.body ?? '') as Record<string, unknown>
