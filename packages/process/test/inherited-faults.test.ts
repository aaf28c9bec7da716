import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import { App, copyOfDist, nodeVersion } from './app.js'
import { heldTcp, heldUdp, type HeldSocket } from './sockets.js'

/** A service started by systemd with these sockets. It asks for the one named `http`, else binds a port. */
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

void test('handover() throws a coded error when LISTEN_FDS counts no sockets, or a file', async (t) => {
  const file = fileAsSocket()
  t.after(() => file.close())
  for (const app of [await started(t, {}, 1), await started(t, { http: file })]) {
    assert.deepEqual(await app.exited, { code: 1, signal: null })
    assert.match(app.output, /: LISTEN_FDS is "1", but descriptor 3 is not a socket; was the program/)
    assert.match(app.output, /code: 'ERR_HANDOVER_LISTEN_FDS'/)
  }
})

void test('handover() warns and binds the address when the descriptor has the wrong type', async (t) => {
  const udp = await heldUdp()
  t.after(() => udp.close())
  const connection = await acceptedConnection(t)
  for (const [socket, described] of [
    [udp, `udp:127.0.0.1:${udp.port}`],
    [connection, 'descriptor 3'],
  ] as const) {
    const app = await started(t, { http: socket })
    await serves(app)
    await app.untilOutput('HandoverWarning')
    assert.ok(
      app.output.includes(
        `HandoverWarning: The listener "http" (${described}) is not usable by a server, so the address is bound instead`,
      ),
      app.output,
    )
    assert.deepEqual(await app.stop(), { code: 0, signal: null })
    assert.equal(app.output.split('HandoverWarning').length, 2, app.output)
  }
})

void test('handover() binds the address and leaves the listener alone when no name matches', async (t) => {
  const held = heldTcp()
  t.after(() => held.close())
  const app = await started(t, { web: held })
  assert.notEqual(await serves(app), held.port)
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})

const [major = 0, minor = 0] = nodeVersion
const hasReusePort = major >= 24 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)

void test(
  'reusePort is a coded error when neither Node nor koffi supports it',
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

/** The port at which the service answers. */
async function serves(app: App): Promise<number> {
  const listens = /listens on 127\.0\.0\.1:(\d+)\n/
  await app.until(() => listens.test(app.output))
  const port = Number(listens.exec(app.output)?.[1])
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
  assert.equal(await answer.text(), 'hello')
  return port
}

/** The kind of socket that systemd passes with `Accept=yes`. */
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
