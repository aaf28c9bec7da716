import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { takeEnvironment } from '../dist/protocol/environment.js'
import { InheritedListenersError } from '../dist/protocol/errors.js'
import { findListener, inheritedListeners, type InheritedListener } from '../dist/listeners/inherited.js'
import { formatAddress, listenAddresses, socketInode } from '../dist/system/socket-table.js'
import { heldTcp, heldUnix } from './sockets.js'

const tcp = (name: string, host: string, port: number): InheritedListener => ({
  name,
  fd: 3,
  address: { type: 'tcp', host, port },
  adopted: false,
})
const unix = (name: string, socketPath: string): InheritedListener => ({
  name,
  fd: 3,
  address: { type: 'unix', path: socketPath },
  adopted: false,
})

void test('listenAddresses() finds TCP, IPv6 and unix sockets that listen', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const held = [
    heldTcp(),
    heldTcp('::1'),
    heldUnix(path.join(folder, 'a b.sock')),
    heldUnix('\0handover-test'),
  ]
  t.after(() => held.forEach((socket) => socket.close()))
  const inodes = held.map(({ fd }) => socketInode(fd) ?? '')
  const found = listenAddresses(inodes)
  assert.deepEqual(
    inodes.map((inode) => formatAddress(found.get(inode)!)),
    [
      `127.0.0.1:${held[0]?.port}`,
      `[::1]:${held[1]?.port}`,
      `unix:${folder}/a b.sock`,
      'unix:@handover-test',
    ],
  )
})

void test('socketInode() is null when the descriptor is a file or closed', () => {
  const fd = fs.openSync('/dev/null', 'r')
  assert.equal(socketInode(fd), null)
  fs.closeSync(fd)
  assert.equal(socketInode(fd), null)
})

void test('inheritedListeners() throws a coded error when the variables are wrong', () => {
  const cases: [Parameters<typeof inheritedListeners>[0], RegExp][] = [
    [{ LISTEN_FDS: 'many' }, /^LISTEN_FDS is "many", wanted a number of descriptors$/],
    [{ LISTEN_FDS: '-1' }, /^LISTEN_FDS is "-1"/],
    [{ LISTEN_FDS: '2', LISTEN_FDNAMES: 'a' }, /^LISTEN_FDNAMES is "a", wanted 2 names, got 1$/],
    [{ LISTEN_FDS: '5000' }, /descriptor \d+ is not a socket/],
  ]
  for (const [environment, message] of cases) {
    assert.throws(
      () => inheritedListeners(environment),
      (error) => {
        assert.ok(error instanceof InheritedListenersError)
        assert.equal(error.code, 'ERR_HANDOVER_LISTEN_FDS')
        assert.match(error.message, message)
        return true
      },
    )
  }
  assert.deepEqual(inheritedListeners({}), [])
  assert.deepEqual(inheritedListeners({ LISTEN_FDS: '0', LISTEN_FDNAMES: '' }), [])
})

void test('findListener() prefers the name, then the host, then a wildcard', () => {
  const all = [
    tcp('a', '127.0.0.1', 3000),
    tcp('b', '0.0.0.0', 3000),
    tcp('c', '::', 4000),
    unix('d', '/run/d'),
  ]
  const found = (target: Parameters<typeof findListener>[1]) => findListener(all, target)?.name
  assert.equal(found({ name: 'c', port: 3000 }), 'c')
  assert.equal(found({ name: 'zz', port: 4000 }), 'c')
  assert.equal(found({ port: 3000 }), 'b')
  assert.equal(found({ port: 3000, host: '127.0.0.1' }), 'a')
  assert.equal(found({ port: 3000, host: 'localhost' }), 'a')
  assert.equal(found({ port: 3000, host: '10.0.0.1' }), 'b')
  assert.equal(found({ port: 4000, host: '127.0.0.1' }), 'c')
  assert.equal(found({ path: '/run/../run/d' }), 'd')
  assert.equal(found({ path: '/run/e' }), undefined)
  assert.equal(found({ port: 0 }), undefined)
  assert.equal(found({ port: 5000 }), undefined)
})

void test('findListener() does not find a listener that is adopted', () => {
  const listener = tcp('a', '0.0.0.0', 3000)
  assert.equal(findListener([listener], { port: 3000 }), listener)
  listener.adopted = true
  assert.equal(findListener([listener], { port: 3000 }), undefined)
})

void test('findListener() does not find a socket that cannot be listened on, even by name', () => {
  const connection: InheritedListener = { name: 'http', fd: 3, address: null, adopted: false }
  assert.equal(findListener([connection], { name: 'http', port: 3000 }), undefined)
})

void test('takeEnvironment() removes all variables when LISTEN_PID is this process, and none when it is not', () => {
  const variables = {
    LISTEN_FDS: '1',
    LISTEN_FDNAMES: 'http',
    NOTIFY_SOCKET: '/n',
    HANDOVER_SOCKET: '/h',
    HANDOVER_PROBE_DIR: '/p',
    HANDOVER_INSTANCE: 'web-1',
    HANDOVER_DRAIN_SECONDS: '5',
  }
  const ours = { LISTEN_PID: '7', ...variables }
  assert.deepEqual(takeEnvironment(ours, 7), {
    LISTEN_FDS: '1',
    LISTEN_FDNAMES: 'http',
    NOTIFY_SOCKET: '/n',
    HANDOVER_SOCKET: '/h',
    HANDOVER_PROBE_DIR: '/p',
    HANDOVER_DRAIN_SECONDS: '5',
  })
  assert.deepEqual(ours, { HANDOVER_INSTANCE: 'web-1', HANDOVER_DRAIN_SECONDS: '5' })

  const others = { LISTEN_PID: '8', ...variables }
  assert.deepEqual(takeEnvironment(others, 7), { HANDOVER_DRAIN_SECONDS: '5' })
  assert.deepEqual(others, { LISTEN_PID: '8', ...variables })

  assert.deepEqual(takeEnvironment({ LISTEN_FDS: '1', HANDOVER_SOCKET: '/h' }, 7), { HANDOVER_SOCKET: '/h' })
})
