import assert from 'node:assert/strict'
import http2 from 'node:http2'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
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

for (const fixture of ['http2.cjs', 'http2-secure.cjs'] as const) {
  void test(`a probe of ${fixture} over HTTP/2 has the addresses of a connection from 127.0.0.1`, async (t) => {
    const listener = heldTcp()
    t.after(() => listener.close())
    const app = await App.start(t, fixture, {
      register: 'bundle',
      listeners: { http: listener },
      env: { PORT: String(listener.port), HANDOVER_PROBE_DIR: '.' },
    })
    await app.message('ready')
    const secure = fixture === 'http2-secure.cjs'
    const [probe, real] = await Promise.all(
      [{ path: `${app.folder}/http.sock` }, { port: listener.port, host: '127.0.0.1' }].map(
        async (target) => JSON.parse(await askHttp2(target, secure)) as Record<string, unknown>,
      ),
    )
    assert.equal(probe?.remoteAddress, '127.0.0.1')
    assert.deepEqual({ ...probe, remotePort: 0 }, { ...real, remotePort: 0 })
  })
}

async function askHttp2(target: net.NetConnectOpts, secure: boolean): Promise<string> {
  const session = http2.connect(`${secure ? 'https' : 'http'}://127.0.0.1`, {
    createConnection: () =>
      secure
        ? tls.connect({ ...target, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
        : net.connect(target),
  })
  try {
    const stream = session.request({ ':path': '/addresses' }).setEncoding('utf8')
    return (await stream.toArray()).join('')
  } finally {
    session.destroy() // before the application ends, which would be an error of the session
  }
}

const parse = (answer: RawResponse | null) => JSON.parse(answer?.body ?? '') as Record<string, unknown>
