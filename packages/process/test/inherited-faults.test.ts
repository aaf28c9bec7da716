import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import { App, copyOfDist, nodeVersion } from './app.js'
import { heldTcp, heldUdp, type HeldSocket } from './sockets.js'

/** A service that systemd started with these sockets; it asks for one by the name `http`, else binds a port. */
async function started(t: TestContext, listeners: Record<string, HeldSocket>, count?: number): Promise<App> {
  const names = Object.keys(listeners)
  const app = await App.start(t, 'unit.mjs', {
    unsupervised: true,
    register: false,
    listeners,
    env: { PORT: '0', LISTEN_FDS: String(count ?? names.length), LISTEN_FDNAMES: names.join(':') },
  })
  return app
}

const fileAsSocket = (): HeldSocket => {
  const fd = fs.openSync('/dev/null', 'r')
  return { fd, port: 0, close: () => fs.closeSync(fd) }
}

void test('LISTEN_FDS without sockets, or with a file, is a coded error in one sentence', async (t) => {
  const file = fileAsSocket()
  t.after(() => file.close())
  for (const app of [await started(t, {}, 1), await started(t, { http: file })]) {
    assert.deepEqual(await app.exited, { code: 1, signal: null })
    assert.match(app.output, /: LISTEN_FDS is "1", but descriptor 3 is not a socket; was the program/)
    assert.match(app.output, /code: 'ERR_HANDOVER_LISTEN_FDS'/)
  }
})

void test('a descriptor of the wrong type is a warning, and the service serves at an address of its own', async (t) => {
  const udp = await heldUdp()
  t.after(() => udp.close())
  const connection = await acceptedConnection(t)
  for (const [socket, described] of [
    [udp, `udp:127.0.0.1:${udp.port}`],
    [connection, 'descriptor 3'],
  ] as const) {
    const app = await started(t, { http: socket })
    await serves(app)
    await app.said('HandoverWarning')
    assert.ok(
      app.output.includes(
        `HandoverWarning: The listener "http" (${described}) is nothing for a server, another is bound in its place`,
      ),
      app.output,
    )
    assert.deepEqual(await app.stop(), { code: 0, signal: null })
    assert.equal(app.output.split('HandoverWarning').length, 2, app.output)
  }
})

void test('a name that does not match leaves the listener alone, and the service serves', async (t) => {
  const held = heldTcp()
  t.after(() => held.close())
  const app = await started(t, { web: held })
  assert.notEqual(await serves(app), held.port)
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})

const [major = 0, minor = 0] = nodeVersion
const hasReusePort = major >= 24 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)

void test(
  'reusePort is a coded error where neither Node nor koffi has it',
  { skip: hasReusePort && `Node ${major}.${minor} has the option` },
  async (t) => {
    const copy = copyOfDist()
    t.after(() => copy.remove())
    const app = await App.start(t, copy.fixture, {
      unsupervised: true,
      register: { dist: copy.dist },
      env: { PORT: '0', HANDOVER_UPGRADE_STRATEGY: 'reusePort' },
    })
    assert.deepEqual(await app.exited, { code: 1, signal: null })
    assert.match(
      app.output,
      /upgradeStrategy is "reusePort", which needs Node 22\.12 \(this is v[\d.]+\) or the package koffi/,
    )
    assert.match(app.output, /code: 'ERR_HANDOVER_REUSE_PORT'/)
  },
)

/** The port at which it answers. */
async function serves(app: App): Promise<number> {
  const listens = /listens on 127\.0\.0\.1:(\d+)\n/
  await app.until(() => listens.test(app.output))
  const port = Number(listens.exec(app.output)?.[1])
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
  assert.equal(await answer.text(), 'hello')
  return port
}

/** What `Accept=yes` passes. */
async function acceptedConnection(t: TestContext): Promise<HeldSocket> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [net.Socket & { _handle: { fd: number } }]
  const close = (): void => {
    client.destroy()
    accepted.destroy()
    server.close()
  }
  t.after(close)
  return { fd: accepted._handle.fd, port: 0, close }
}
