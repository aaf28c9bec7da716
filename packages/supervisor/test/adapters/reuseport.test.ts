import assert from 'node:assert/strict'
import { closeSync, existsSync, fstatSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import test from 'node:test'
import { within } from '@handover/testkit'
import { bind, getsockname, listen, setsockopt, socket } from '../../dist/adapters/linux/posix.js'
import { steer, steeringProgram } from '../../dist/adapters/linux/reuseport.js'
import { tcpSockets } from '../../dist/adapters/linux/sock-diag.js'
import { inetAddress, familyOf, portOf } from '../../dist/shared/socket-address.js'
import { SOCK_STREAM, SOL_SOCKET, SO_REUSEPORT } from '../../dist/shared/socket-constants.js'
import { defer } from './rig.js'

interface Group {
  port: number
  fds: number[]
  /** How many connections wait in each socket's queue. */
  queues(): number[]
}

function groupFor(t: TestContext, size: number, host = '127.0.0.1'): Group {
  const fds: number[] = []
  let address = inetAddress(host, 0)
  for (let index = 0; index < size; index++) {
    const fd = socket(familyOf(address), SOCK_STREAM)
    defer(t, () => closeSync(fd))
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, 1)
    bind(fd, address)
    address = getsockname(fd)
    listen(fd, 100)
    fds.push(fd)
  }
  const port = portOf(address)
  const queues = () => {
    const queued = new Map(tcpSockets([port]).map(({ inode, receiveQueue }) => [inode, receiveQueue]))
    return fds.map((fd) => queued.get(fstatSync(fd).ino) ?? -1)
  }
  return { port, fds, queues }
}

async function connectAll(
  t: TestContext,
  port: number,
  count: number,
  host = '127.0.0.1',
  from?: object,
): Promise<Socket[]> {
  const connects = Array.from({ length: count }, () => {
    const socket = connect({ port, host, ...from })
    defer(t, () => socket.destroy())
    return within(
      new Promise<Socket>((resolve, reject) =>
        socket.on('error', reject).on('connect', () => resolve(socket)),
      ),
      'a connection',
    )
  })
  return Promise.all(connects)
}

const hasIPv6 = existsSync('/proc/net/if_inet6') && readFileSync('/proc/net/if_inet6', 'utf8').includes(' lo')

for (const host of ['127.0.0.1', '::1']) {
  const skip = host === '::1' && !hasIPv6
  test(`steer() makes the kernel choose among these sockets on ${host}`, { skip }, async (t) => {
    const { port, fds, queues } = groupFor(t, 4, host)
    const [first = -1] = fds
    steer(first, { among: [2] })
    await connectAll(t, port, 10, host)
    assert.deepEqual(queues(), [0, 0, 10, 0])
    steer(first, { among: [0, 3] })
    await connectAll(t, port, 40, host)
    const [a = 0, b, c, d = 0] = queues()
    assert.deepEqual([b, c, a + d], [0, 10, 40])
    assert.ok(a > 0 && d > 0, `both get some: ${a} and ${d}`)
  })

  test(`steer() makes exceptions for the addresses of single connections on ${host}`, { skip }, async (t) => {
    const { port, fds, queues } = groupFor(t, 3, host)
    const [first = -1] = fds
    const reserved = socket(familyOf(inetAddress(host, 0)), SOCK_STREAM)
    bind(reserved, inetAddress(host, 0))
    const localPort = portOf(getsockname(reserved))
    closeSync(reserved)
    steer(first, { among: [0], except: [{ host, port: localPort, number: 2 }] })
    await connectAll(t, port, 1, host, { localPort, localAddress: host })
    await connectAll(t, port, 5, host)
    assert.deepEqual(queues(), [5, 0, 1])
  })
}

test('steeringProgram() selects at random, and falls back to the first', () => {
  const hex = (text: string) => text.replaceAll(' ', '')
  assert.equal(
    steeringProgram({ among: [5, 7] }).toString('hex'),
    hex(
      '2000 00 00 38f0ffff' +
        '9400 00 00 02000000' +
        '1500 00 01 00000000 0600 00 00 05000000' +
        '1500 00 01 01000000 0600 00 00 07000000' +
        '0600 00 00 05000000',
    ),
  )
})
