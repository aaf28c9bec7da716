import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import { connect } from 'node:net'
import type { NetConnectOpts } from 'node:net'
import type { TestContext } from 'node:test'
import test from 'node:test'
import { within } from '@handover/testkit'
import { openSockets } from '../../dist/adapters/index.js'
import { SOCK_STREAM, SOL_SOCKET, SO_REUSEPORT } from '../../dist/shared/socket-constants.js'
import { familyOf, inetAddress } from '../../dist/shared/socket-address.js'
import { bind, dup, listen, setsockopt, socket } from '../../dist/adapters/linux/posix.js'
import { tcpSockets } from '../../dist/adapters/linux/sock-diag.js'
import { findNumbers } from '../../dist/adapters/sockets/numbers.js'
import type { GroupSocket, Listener, Sockets } from '../../dist/ports.js'
import { anyTcpPort, defer, listenFor } from './rig.js'

const portOf = ({ address }: Listener): number => Number(address.slice(address.lastIndexOf(':') + 1))

function connectFor(t: TestContext, options: NetConnectOpts): Promise<void> {
  const socket = connect(options)
  defer(t, () => socket.destroy())
  return within(
    new Promise((resolve, reject) => socket.on('error', reject).on('connect', resolve)),
    'a connection',
  )
}

/** How many connections wait at each socket of the group. */
function queues(listener: Listener, group: { inode: number }[]): (number | undefined)[] {
  const found = tcpSockets([portOf(listener)])
  return group.map((one) => found.find(({ inode }) => inode === one.inode)?.receiveQueue)
}

function groupFor(t: TestContext): { sockets: Sockets; listener: Listener; group: GroupSocket[] } {
  const sockets = openSockets()
  const listener = listenFor(t, sockets, 'http', anyTcpPort)
  assert.ok(sockets.join(listener).ok)
  assert.ok(sockets.join(listener).ok)
  return { sockets, listener, group: sockets.group(listener) }
}

test('steer() queues new connections at these sockets of a group only', async (t) => {
  const { sockets, listener, group } = groupFor(t)
  const [first, second, third] = group
  assert.ok(first && second && third)
  assert.equal(first.inode, listener.inode)
  const to = { port: portOf(listener), host: '127.0.0.1' }
  await connectFor(t, to)
  assert.deepEqual(queues(listener, group), [1, 0, 0], 'sockets that join get none')
  sockets.steer(listener, [third])
  await connectFor(t, to)
  const { end, ...from } = second.route() ?? assert.fail('no route')
  await connectFor(t, { ...to, ...from })
  end()
  await connectFor(t, to)
  assert.deepEqual(queues(listener, group), [1, 1, 2])
})

/** A socket of a program that binds the port with SO_REUSEPORT, too. */
function foreignFor(t: TestContext, listener: Listener): { close: () => void } {
  const address = inetAddress('127.0.0.1', portOf(listener))
  const fd = socket(familyOf(address), SOCK_STREAM)
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1)
  bind(fd, address)
  listen(fd, 5)
  let open = true
  const close = () => {
    if (open) closeSync(fd)
    open = false
  }
  defer(t, close)
  return { close }
}

test('a socket of another program in a group gets no connections of clients, also after it has left', async (t) => {
  const { sockets, listener, group } = groupFor(t)
  const foreign = foreignFor(t, listener)
  const joined = sockets.join(listener)
  assert.ok(joined.ok)
  sockets.steer(listener, [joined.value])
  const to = { port: portOf(listener), host: '127.0.0.1' }
  await connectFor(t, to)
  await connectFor(t, to)
  assert.deepEqual(queues(listener, group), [0, 0, 0, 2])
  foreign.close() // the kernel gives its number to the last socket of the group
  sockets.steer(listener, [joined.value])
  await connectFor(t, to)
  await connectFor(t, to)
  assert.deepEqual(queues(listener, group), [0, 0, 0, 4])
})

test('join() refuses to steer a port that another program listens on, too', (t) => {
  const sockets = openSockets()
  const listener = listenFor(t, sockets, 'http', anyTcpPort)
  setsockopt(listener.fd, SOL_SOCKET, SO_REUSEPORT, 1)
  foreignFor(t, listener)
  const joined = sockets.join(listener)
  assert.match(joined.ok ? '' : joined.failure.message, /^127\.0\.0\.1:\d+ is also listened on by /)
})

test('join() does not make the port available to other listeners', (t) => {
  const { listener } = groupFor(t)
  const other = openSockets().listen('other', { ...anyTcpPort, port: portOf(listener) })
  assert.match(other.ok ? '' : other.failure.message, /is in use by/)
})

test('findNumbers() finds the numbers of sockets after others of their group were closed', (t) => {
  const sockets = openSockets()
  const opened = sockets.listen('http', anyTcpPort)
  assert.ok(opened.ok)
  const listener = opened.value
  for (let more = 0; more < 3; more++) assert.ok(sockets.join(listener).ok)
  const group = sockets.group(listener)
  const fds = group.map(({ fd }) => dup(fd))
  sockets.close(listener) // numbers stay: the copies are open
  defer(t, () => fds.forEach((fd) => closeSync(fd)))
  const [a = -1, b = -1, c = -1, d = -1] = fds
  assert.deepEqual(findNumbers([d, a, c, b], '127.0.0.1', portOf(listener)), [3, 0, 2, 1])
  closeSync(fds.splice(1, 1)[0] ?? -1) // the last one gets its number
  assert.deepEqual(findNumbers([a, c, d], '127.0.0.1', portOf(listener)), [0, 2, 1])
  const waiting = tcpSockets([portOf(listener)]).filter(
    ({ state, receiveQueue }) => state === 'listen' && receiveQueue > 0,
  )
  assert.deepEqual(waiting, [], 'no program sees a connection')
})
