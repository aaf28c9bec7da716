import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { test, type TestContext } from 'node:test'
import { App, type AppOptions } from './app.js'
import { heldTcp, heldUdp } from './sockets.js'
import { UdpClient } from './udp-client.js'

const orderly = { code: 0, signal: null }

interface UdpStage {
  port: number
  start(fixture: string, options?: AppOptions): Promise<App>
  client(): Promise<UdpClient>
}

/** A UDP socket that several instances share. */
async function stage(t: TestContext, host = '127.0.0.1'): Promise<UdpStage> {
  const held = await heldUdp(host)
  t.after(() => held.close())
  return {
    port: held.port,
    async start(fixture, options = {}) {
      const app = await App.start(t, fixture, {
        ...options,
        listeners: { metrics: held, ...options.listeners },
        env: { UDP_PORT: String(held.port), UDP_HOST: host, ...options.env },
      })
      await app.message('ready')
      return app
    },
    async client() {
      const client = await UdpClient.open(held.port)
      t.after(() => client.close())
      return client
    },
  }
}

const kinds: [string, string, AppOptions][] = [
  ['register', 'udp.cjs', {}],
  ['handover()', 'udp-library.mjs', { register: false }],
  ['handover() in place of register', 'udp-library.mjs', { env: { LATE: '1' } }],
]
for (const [name, fixture, options] of kinds) {
  void test(`${name} reads from an inherited UDP socket, and answers what it has read when it drains`, async (t) => {
    const { port, start, client } = await stage(t)
    const old = await start(fixture, options)
    assert.equal((await old.message('listening')).listener, 'metrics')
    const [quick, slow] = [await client(), await client()]
    assert.deepEqual(await quick.ask('a'), { pid: old.pid, text: 'a' })
    const next = await start(fixture, options)
    // Either instance may read it. One of them is still working on it when the old one drains.
    const asked = Array.from({ length: 20 }, (_, i) => slow.send(`slow 300 ${i}`))
    for (let i = 0; i < 10; i++) assert.equal((await quick.ask(`b${i}`)).text, `b${i}`)
    const exit = old.stop()
    await old.message('draining')
    for (let i = 0; i < 20; i++) assert.deepEqual(await quick.ask(`c${i}`), { pid: next.pid, text: `c${i}` })
    assert.deepEqual(await exit, orderly)
    await slow.until(() => slow.received.length >= asked.length)
    const answers = slow.received.map((text) => text.split(' ')[1]).sort((a, b) => Number(a) - Number(b))
    assert.deepEqual(
      answers,
      Array.from({ length: 20 }, (_, i) => String(i)),
    )
    assert.equal(next.account?.open, 0)
    const { account } = await old.message('drained')
    assert.ok(account.datagramsReceived)
    assert.equal(account.datagramsReceived, account.datagramsSent)
    assert.equal(quick.received.length, 31, `port ${port}`)
  })
}

void test('register is not ready before a UDP listener is adopted', async (t) => {
  const http = heldTcp()
  t.after(() => http.close())
  const { start } = await stage(t)
  const app = await start('udp.cjs', { listeners: { http }, env: { PORT: String(http.port) } })
  const listening = app.messages.filter(({ type }) => type === 'listening' || type === 'ready')
  assert.deepEqual(
    listening.map((message) => ('listener' in message ? message.listener : message.type)),
    ['metrics', 'http', 'ready'],
  )
  assert.deepEqual(await app.stop(), orderly)
})

void test('register warns when no socket reads from a UDP listener', async (t) => {
  const http = heldTcp()
  t.after(() => http.close())
  const { port, start } = await stage(t)
  const app = await start('http.cjs', { listeners: { http }, env: { PORT: String(http.port) } })
  const { text } = await app.message('status')
  assert.equal(text, `No server listens on "metrics" (udp:127.0.0.1:${port})`)
})

void test('a socket of type udp4 reads from an IPv6 wildcard listener and answers its peers', async (t) => {
  const { start, client } = await stage(t, '::')
  const app = await start('udp.cjs', { env: { UDP_HOST: '0.0.0.0' } })
  assert.deepEqual(await (await client()).ask('a'), { pid: app.pid, text: 'a' })
  assert.deepEqual(await app.stop(), orderly)
  const { account } = await app.message('drained')
  assert.deepEqual([account.datagramsReceived, account.datagramsSent], [1, 1])
})

void test('no other program can bind the port of an inherited UDP socket', async (t) => {
  const { port, start } = await stage(t)
  await start('udp.cjs')
  const thief = dgram.createSocket({ type: 'udp4', reuseAddr: true })
  t.after(() => thief.close())
  const outcome = new Promise((resolve) => thief.once('error', resolve).once('listening', resolve))
  thief.bind(port, '127.0.0.1')
  assert.equal(((await outcome) as NodeJS.ErrnoException | undefined)?.code, 'EADDRINUSE')
})

void test('a server that only receives gets every datagram over four upgrades, and its handler runs after the last one', async (t) => {
  const { start, client } = await stage(t)
  const sender = await client()
  const apps = [await start('udp-sink.cjs', { register: 'bundle' })]
  let sent = 0
  for (let upgrade = 0; upgrade < 4; upgrade++) {
    const exit = apps.at(-1)!
    apps.push(await start('udp-sink.cjs', { register: 'bundle' }))
    for (let i = 0; i < 100; i++, sent++) sender.send(String(i))
    assert.deepEqual(await exit.stop(), orderly)
  }
  assert.deepEqual(await apps.at(-1)?.stop(), orderly)
  const counted = apps.map(({ output }) => Number(/counted (\d+)/.exec(output)?.[1]))
  assert.equal(
    counted.reduce((sum, count) => sum + count, 0),
    sent,
  )
  const accounted = apps.map(({ account }) => account?.datagramsReceived ?? 0)
  assert.deepEqual(accounted, counted)
})

void test('drain waits for idleSeconds at most when a datagram is never answered', async (t) => {
  const { start, client } = await stage(t)
  const app = await start('udp.cjs', { env: { HANDOVER_IDLE_SECONDS: '0.3' } })
  const asking = await client()
  await asking.ask('a')
  asking.send('slow 60000 never')
  await asking.ask('b')
  assert.deepEqual(await app.stop(), orderly)
  assert.ok((await app.message('drained')).seconds < 1)
})

void test('listen() throws a coded error when a UDP socket cannot have the address', async (t) => {
  const { port, start } = await stage(t)
  const app = await start('udp-mistakes.mjs', { register: false })
  await app.untilOutput('done')
  assert.deepEqual(app.output.trim().split('\n').slice(0, -1), [
    'ERR_HANDOVER_OPTION The address is the path "/tmp/a", wanted a port for a UDP socket',
    'ERR_HANDOVER_NO_LISTENER No listener "other" was inherited',
    `ERR_HANDOVER_NO_LISTENER The listener "metrics" (udp:127.0.0.1:${port}) is not usable by a server`,
    `ERR_HANDOVER_NO_LISTENER The listener "metrics" (udp:127.0.0.1:${port}) is not usable by a socket of type "udp6"`,
  ])
})
