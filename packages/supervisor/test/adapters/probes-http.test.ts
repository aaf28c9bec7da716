import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openSockets } from '../../dist/adapters/index.js'
import { ask, httpGet, startInstance } from './probes-rig.js'
import { anyTcpPort, listenFor } from './rig.js'

describe('openProber() with httpGet', () => {
  const statuses: [number, boolean][] = [
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [404, false],
    [500, false],
  ]
  test('treats 200 to 399 as healthy and follows no redirect', async (t) => {
    const { target, received } = await startInstance(t, listenFor(t, openSockets(), 'http', anyTcpPort), [
      'http',
    ])
    for (const [status, healthy] of statuses) {
      assert.deepEqual(await ask(target, httpGet(`/status/${status}`)), {
        healthy,
        reason: `GET /status/${status} on "http" of web-1 answered ${status}${healthy ? '' : ', wanted 200 to 399'}`,
      })
    }
    assert.deepEqual(
      (await received(statuses.length)).map(({ path }) => path),
      statuses.map(([status]) => `/status/${status}`),
    )
  })

  test('waits for the answer for at most timeoutSeconds', async (t) => {
    const { target } = await startInstance(t, listenFor(t, openSockets(), 'http', anyTcpPort), ['http'])
    assert.deepEqual(await ask(target, httpGet('/never'), { timeoutSeconds: 0.3 }), {
      healthy: false,
      reason: 'GET /never on "http" of web-1 was not answered within 0.3 s',
    })
  })

  test('does not wait for the end of the body', async (t) => {
    const { target } = await startInstance(t, listenFor(t, openSockets(), 'http', anyTcpPort), ['http'])
    assert.ok((await ask(target, httpGet('/endless'))).healthy)
  })

  test('sends default headers, which the headers of the probe override', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
    const { target, received } = await startInstance(t, listener, ['http'])
    await ask(target, httpGet('/'))
    assert.deepEqual((await received(1))[0]?.headers, {
      host: listener.address,
      'user-agent': 'handover-probe/1',
      accept: '*/*',
      connection: 'close',
    })
    const httpHeaders = [
      { name: 'host', value: 'shop.example' },
      { name: 'X-A', value: '1' },
      { name: 'X-A', value: '2' },
    ]
    await ask(target, httpGet('/', 'http', { httpHeaders }))
    const [, second] = await received(2)
    assert.equal(second?.headers['host'], 'shop.example')
    assert.equal(second?.headers['x-a'], '1, 2')
  })

  test('speaks HTTPS and does not verify the certificate', async (t) => {
    const { target, received } = await startInstance(t, listenFor(t, openSockets(), 'http', anyTcpPort), [
      'https',
    ])
    const https = httpGet('/tls', 'http', { scheme: 'HTTPS' })
    assert.equal((await ask(target, https)).reason, 'GET /tls on "http" of web-1 answered 200')
    assert.equal((await received(1))[0]?.path, '/tls')
    const plain = await ask(target, httpGet('/plain'))
    assert.equal(plain.healthy, false)
    assert.match(plain.reason, /^GET \/plain on "http" of web-1 failed: /)
  })
})
