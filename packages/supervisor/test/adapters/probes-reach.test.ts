import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { openSockets } from '../../dist/adapters/index.js'
import type { ListenerSpec, ProbeHandler } from '../../dist/model/index.js'
import { ask, httpGet, startInstance } from './probes-rig.js'
import { anyTcpPort, defer, folderFor, listenFor } from './rig.js'

const tcpSocket = (port: string | number = 'http') => ({ type: 'tcpSocket', port }) as const

describe('openProber() reaches its own instance among those that share a listener', () => {
  const hosts = ['127.0.0.1', '0.0.0.0', '::', '::1']
  for (const host of hosts) {
    test(`50 of 50 times on ${host}`, async (t) => {
      const listener = listenFor(t, openSockets(), 'http', { ...anyTcpPort, host })
      const [first, second] = await Promise.all([
        startInstance(t, listener, ['http']),
        startInstance(t, listener, ['http']),
      ])
      for (let round = 0; round < 25; round += 1) {
        for (const [name, { target }] of Object.entries({ first, second })) {
          const verdict = await ask(target, httpGet(`/${name}/${round}`))
          assert.deepEqual(verdict, {
            healthy: true,
            reason: `GET /${name}/${round} on "http" of web-1 answered 200`,
          })
        }
      }
      const paths = (name: string) => Array.from({ length: 25 }, (_, round) => `/${name}/${round}`)
      assert.deepEqual(
        (await first.received(25)).map(({ path }) => path),
        paths('first'),
      )
      assert.deepEqual(
        (await second.received(25)).map(({ path }) => path),
        paths('second'),
      )
    })
  }

  test('by port number as well as by name', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
    const port = Number(listener.address.split(':').at(-1))
    const other = await startInstance(t, listener, ['http'])
    const own = await startInstance(t, listener, ['http'])
    for (let round = 0; round < 10; round += 1) await ask(own.target, httpGet('/', port))
    await own.received(10)
    assert.equal(other.requests.length, 0)
  })

  test('without a port, on the first TCP listener that it uses', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
    const unix = listenFor(t, openSockets(), 'admin', {
      ...{ type: 'unix', path: join(folderFor(t), 'a.sock'), mode: 0o600, backlog: 1 },
    })
    const unused = listenFor(t, openSockets(), 'old', anyTcpPort)
    const { target } = await startInstance(t, listener, ['http'])
    const probe: ProbeHandler = { type: 'httpGet', path: '/', scheme: 'HTTP', httpHeaders: [] }
    assert.equal(
      (await ask({ ...target, listeners: [unix, listener, unused] }, probe)).reason,
      'GET / on "http" of web-1 answered 200',
    )
    assert.deepEqual(await ask({ ...target, listeners: [] }, probe), {
      healthy: false,
      reason: 'web-1 has no listener for the probe yet: it has not reported that it listens on any',
    })
  })

  test('when a child in its process group accepts', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
    const other = await startInstance(t, listener, ['http'])
    const own = await startInstance(t, listener, ['group', 'http'])
    for (let round = 0; round < 10; round += 1) assert.ok((await ask(own.target, httpGet())).healthy)
    await own.received(10)
    assert.equal(other.requests.length, 0)
  })

  test('and is not deceived when another instance accepts the connection', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
    const other = await startInstance(t, listener, ['http'])
    const own = await startInstance(t, listener, ['idle'])
    for (const handler of [httpGet(), tcpSocket()]) {
      assert.deepEqual(await ask(own.target, handler, { timeoutSeconds: 0.2, periodSeconds: 0.4 }), {
        healthy: false,
        reason: '"http" of web-1 did not accept within 0.4 s, only other instances did',
      })
    }
    assert.equal(other.requests.length, 0)
  })

  test('and reports when no process accepts', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
    const own = await startInstance(t, listener, ['idle'])
    for (const periodSeconds of [10, 0.2]) {
      assert.deepEqual(await ask(own.target, httpGet(), { timeoutSeconds: 0.2, periodSeconds }), {
        healthy: false,
        reason: '"http" of web-1 did not accept within 0.2 s',
      })
    }
  })

  test('and reports when its queue is so full that no connection is established', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', { ...anyTcpPort, backlog: 1 })
    const own = await startInstance(t, listener, ['idle'])
    const port = Number(listener.address.split(':').at(-1))
    const clients = Array.from({ length: 2 }, () => connect(port, '127.0.0.1'))
    defer(t, () => clients.forEach((client) => client.destroy()))
    await Promise.all(clients.map((client) => once(client, 'connect')))
    assert.deepEqual(await ask(own.target, httpGet(), { timeoutSeconds: 0.1, periodSeconds: 0.3 }), {
      healthy: false,
      reason: '"http" of web-1 did not accept within 0.3 s',
    })
  })

  test('and reports when its process has ended', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
    const other = await startInstance(t, listener, ['http'])
    const { pid } = spawnSync('true')
    assert.deepEqual(await ask({ ...other.target, pid }, httpGet()), {
      healthy: false,
      reason: `"http" of web-1 was not reached: the process ${pid} is gone`,
    })
  })

  test('while hundreds of connections are open', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
    const [other, own] = [
      await startInstance(t, listener, ['http']),
      await startInstance(t, listener, ['http']),
    ]
    const port = Number(listener.address.split(':').at(-1))
    const clients = Array.from({ length: 300 }, () => connect(port, '127.0.0.1'))
    defer(t, () => clients.forEach((client) => client.destroy()))
    await Promise.all(clients.map((client) => once(client, 'connect')))
    for (let round = 0; round < 5; round += 1) assert.ok((await ask(own.target, httpGet())).healthy)
    await own.received(5)
    assert.equal(other.requests.length, 0)
  })
})

test('openProber() uses the probe socket that the library serves', async (t) => {
  const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
  const shared = await startInstance(t, listener, ['http'])
  const server = createServer((_request, response) => response.writeHead(503).end())
  server.listen(join(shared.target.probeDir, 'http.sock'))
  defer(t, () => server.close())
  await once(server, 'listening')
  assert.deepEqual(await ask(shared.target, httpGet('/x')), {
    healthy: false,
    reason: 'GET /x on "http" of web-1 answered 503, wanted 200 to 399',
  })
  assert.ok((await ask(shared.target, tcpSocket())).healthy)
  assert.equal(shared.requests.length, 0)
})

test('openProber() reports that any instance may have answered on a shared unix socket', async (t) => {
  const spec: ListenerSpec = { type: 'unix', path: join(folderFor(t), 'a.sock'), mode: 0o600, backlog: 10 }
  const instance = await startInstance(t, listenFor(t, openSockets(), 'http', spec), ['http'])
  assert.deepEqual(await ask(instance.target, httpGet()), {
    healthy: true,
    reason:
      'GET / on "http" of web-1 answered 200 (any instance may have answered: it cannot be told which one accepts on a shared unix socket)',
  })
  assert.equal((await instance.received(1))[0]?.headers['host'], 'localhost')
})

describe('openProber() dials a port that is no listener as it is', () => {
  test('on this machine, or on the host that is given', async (t) => {
    const listener = listenFor(t, openSockets(), 'http', anyTcpPort)
    const instance = await startInstance(t, listener, ['http'])
    const port = Number(listener.address.split(':').at(-1))
    const target = { ...instance.target, listeners: [] }
    assert.equal((await ask(target, httpGet('/', port))).reason, `GET / on 127.0.0.1:${port} answered 200`)
    assert.equal((await ask(target, tcpSocket(port))).reason, `127.0.0.1:${port} accepts connections`)
    assert.equal(
      (await ask(target, httpGet('/', port, { host: 'localhost' }))).reason,
      `GET / on localhost:${port} answered 200`,
    )
    const named = await ask(instance.target, httpGet('/', 'http', { host: '127.0.0.1' }))
    assert.equal(named.reason, `GET / on 127.0.0.1:${port} answered 200`)
  })

  test('and reports why it was not reached', async (t) => {
    const target = { instance: 'web-1', pid: process.pid, listeners: [], probeDir: folderFor(t) }
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    assert.deepEqual(await ask(target, tcpSocket(port)), {
      healthy: false,
      reason: `127.0.0.1:${port} was not reached: connect ECONNREFUSED 127.0.0.1:${port}`,
    })
    assert.deepEqual(await ask(target, tcpSocket('web')), {
      healthy: false,
      reason: 'there is no listener "web" (there is none)',
    })
  })
})
