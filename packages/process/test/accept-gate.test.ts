import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { AcceptGate } from '../dist/listeners/accept-gate.js'
import { adopt } from '../dist/listeners/adopt.js'
import type { InheritedListener } from '../dist/listeners/inherited.js'
import { descriptorCalls } from '../dist/system/descriptors.js'
import { loadKoffi } from '../dist/system/koffi.js'
import { heldTcp, heldUnix } from './sockets.js'

const koffi = loadKoffi() ?? assert.fail('koffi is missing')
const dup = (fd: number) => descriptorCalls(koffi).duplicate(fd)

const fixture = (name: string) =>
  fs.readFileSync(fileURLToPath(new URL(`../test/fixtures/${name}`, import.meta.url)))
const tls = { key: fixture('key.pem'), cert: fixture('cert.pem') }

const kinds: Record<string, () => net.Server> = {
  'raw TCP': () => net.createServer(),
  HTTP: () => http.createServer(),
  HTTPS: () => https.createServer(tls),
  'HTTP/2': () => http2.createServer(),
  'HTTP/2 over TLS': () => http2.createSecureServer(tls),
}

for (const [kind, create] of Object.entries(kinds)) {
  void test(`a held ${kind} server looks as in plain Node, and accepts once the gate opens`, async (t) => {
    const { listener, connect } = inherited(t)
    const gate = new AcceptGate(true)
    const server = create()
    t.after(() => server.close())
    const ordinary = create()
    const plain = await order(ordinary, (one) => one.listen(0))
    ordinary.close()
    assert.deepEqual(await order(server, (one) => adopt(one, listener, gate)), plain)
    assert.ok(server.listening)
    assert.deepEqual(server.address(), { address: '127.0.0.1', family: 'IPv4', port: listener.port })

    const client = await connect()
    await turns()
    assert.equal(await connections(server), 0)
    const accepted = once(server, 'connection')
    gate.set(true)
    await accepted
    assert.equal(await connections(server), 1)
    client.destroy()
  })
}

void test('a server stops accepting and accepts again, keeps its connections, and can be closed in between', async (t) => {
  const { listener, connect } = inherited(t)
  const gate = new AcceptGate(false)
  const server = net.createServer((socket) => socket.pipe(socket))
  adopt(server, listener, gate)
  await once(server, 'listening')
  const first = await connect()
  assert.equal(await echo(first, 'a'), 'a')
  for (let round = 0; round < 3; round++) {
    assert.equal(gate.set(false), false)
    assert.equal(listener.fd, (server as unknown as { _handle: { fd: number } })._handle.fd)
    assert.ok(server.listening)
    assert.equal((server.address() as net.AddressInfo).port, listener.port)
    const waiting = await connect()
    assert.equal(await echo(first, 'kept'), 'kept')
    assert.equal(await connections(server), 1 + round)
    assert.equal(gate.set(true), true)
    assert.equal(await echo(waiting, 'late'), 'late')
  }
  gate.set(false)
  const closed = once(server, 'close')
  server.close()
  assert.equal(server.listening, false)
  for (const socket of sockets) socket.destroy()
  await closed
  gate.set(true)
})

void test('a held server on a unix socket keeps its file and its address', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gate-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'web.sock')
  const held = heldUnix(file)
  t.after(() => held.close())
  const listener: InheritedListener = {
    name: 'web',
    fd: dup(held.fd),
    address: { type: 'unix', path: file },
    adopted: false,
  }
  const gate = new AcceptGate(true)
  const server = net.createServer((socket) => socket.end('served'))
  adopt(server, listener, gate)
  await once(server, 'listening')
  assert.equal(server.address(), file)
  for (const accepting of [true, false, true]) {
    gate.set(accepting)
    assert.ok(fs.existsSync(file))
    if (accepting) assert.equal(await text(net.connect(file)), 'served')
  }
  server.close()
  await once(server, 'close')
  assert.ok(fs.existsSync(file), 'the file belongs to the process that has bound it')
})

void test('a server that bound its own socket can be held as well, and keeps the file of a unix socket', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gate-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  for (const where of [{ port: 0, host: '127.0.0.1' }, { path: path.join(folder, 'own.sock') }]) {
    const gate = new AcceptGate(false)
    const server = net.createServer((socket) => socket.end('served')).listen(where)
    await once(server, 'listening')
    gate.track(server)
    const address = server.address()
    const target =
      typeof address === 'string' ? { path: address } : { port: address?.port ?? 0, host: '127.0.0.1' }
    assert.equal(gate.set(false), false)
    assert.deepEqual(server.address(), address)
    const waiting = net.connect(target)
    await once(waiting, 'connect')
    await turns()
    assert.equal(await connections(server), 0)
    gate.set(true)
    assert.equal(await text(waiting), 'served')
    server.close()
    await once(server, 'close')
  }
})

void test('the gate opens the servers of an earlier copy of the library, too', async (t) => {
  const { listener, connect } = inherited(t)
  const earlier = new AcceptGate(true)
  const server = net.createServer((socket) => socket.end('served'))
  t.after(() => server.close())
  adopt(server, listener, earlier)
  const later = new AcceptGate(true, (accepting) => earlier.set(accepting))
  const waiting = text(await connect())
  later.set(true)
  assert.equal(await waiting, 'served')
})

const sockets = new Set<net.Socket>()

/** A listener with a descriptor for this process, and a client for it. */
function inherited(t: TestContext) {
  const held = heldTcp()
  t.after(() => held.close())
  const { port } = held
  const listener = {
    name: 'http',
    fd: dup(held.fd),
    port,
    address: { type: 'tcp' as const, host: '127.0.0.1', port },
    adopted: false,
  }
  const connect = async () => {
    const socket = net.connect(port, '127.0.0.1')
    sockets.add(socket)
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return { listener, connect }
}

/** The events and what is seen in them, from `listen()` on. */
async function order(server: net.Server, listen: (server: net.Server) => unknown): Promise<string[]> {
  const seen: string[] = []
  const note = (what: string) => seen.push(`${what} ${server.listening} ${typeof server.address()}`)
  server.on('listening', () => note('listening'))
  note('before')
  listen(server)
  note('after')
  process.nextTick(() => note('tick'))
  await once(server, 'listening')
  await turn()
  note('turn')
  return seen
}

/** Long enough for the event loop to accept what waits. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn()
}

const connections = (server: net.Server) =>
  new Promise<number>((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  )

async function echo(socket: net.Socket, word: string): Promise<string> {
  const answer = once(socket, 'data')
  socket.write(word)
  return String((await answer)[0])
}

async function text(socket: net.Socket): Promise<string> {
  let all = ''
  for await (const chunk of socket) all += String(chunk)
  return all
}
