import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { setTimeout as after } from 'node:timers/promises'
import { freePort } from '@handover/testkit'
import { Steering } from '../dist/alone/steering.js'
import { listenWithReusePort } from '../dist/listeners/reuse-port.js'
import { descriptorOf } from '../dist/node/handle.js'
import { loadKoffi } from '../dist/system/koffi.js'

const koffi = loadKoffi()

void test('Steering.empty() waits for a handshake that began before it', { skip: !koffi }, async (t) => {
  const port = await freePort()
  const listen = async () => {
    const server = net.createServer((socket) => socket.on('error', () => {}).end('hello'))
    listenWithReusePort(server, { host: '127.0.0.1', port })
    await once(server, 'listening')
    t.after(() => server.close())
    return server
  }
  const old = await listen()
  deferAccept(old)
  let accepted = 0
  old.on('connection', () => accepted++)
  const steering = new Steering()
  await steering.prepare([old], 1000, () => false)
  // The kernel keeps this handshake open until the client sends something.
  const client = net.connect({ host: '127.0.0.1', port }).setEncoding('utf8')
  t.after(() => client.destroy())
  let received = ''
  client.on('data', (text) => (received += String(text)))
  await once(client, 'connect')
  await listen()

  const emptied = steering.empty([old], () => accepted, 10_000).then(() => old.close())
  await after(600) // three times the shortest retransmission timeout of TCP
  client.write('x')
  await once(client, 'end')
  await emptied
  assert.equal(received, 'hello')
  assert.equal(accepted, 1)
})

void test(
  'Steering.empty() stops waiting for a handshake at half of its time',
  { skip: !koffi },
  async (t) => {
    const port = await freePort()
    const server = net.createServer()
    listenWithReusePort(server, { host: '127.0.0.1', port })
    await once(server, 'listening')
    t.after(() => server.close())
    deferAccept(server)
    const steering = new Steering()
    await steering.prepare([server], 1000, () => false)
    const client = net.connect({ host: '127.0.0.1', port }).on('error', () => {})
    t.after(() => client.destroy())
    await once(client, 'connect')
    const startedAt = performance.now()
    await steering.empty([server], () => 0, 400)
    const ms = performance.now() - startedAt
    assert.ok(ms >= 195 && ms < 5000, `${ms} ms`)
  },
)

/** TCP_DEFER_ACCEPT, tcp(7): the last step of the handshake is ignored until data arrives. */
function deferAccept(server: net.Server): void {
  const setsockopt = koffi?.load(null).func('int setsockopt(int, int, int, const void *, unsigned int)')
  const seconds = Buffer.from(new Int32Array([30]).buffer)
  assert.equal(setsockopt?.(descriptorOf(server), IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds, 4), 0)
}

const IPPROTO_TCP = 6
const TCP_DEFER_ACCEPT = 9
