import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import test from 'node:test'
import { until } from '@handover/testkit'
import { openSockets } from '../../dist/adapters/index.js'
import { tcpConnections, tcpSockets } from '../../dist/adapters/linux/sock-diag.js'
import { parseTcpDiag, tcpDiagRequest } from '../../dist/adapters/linux/tcp-diag.js'
import { anyTcpPort, defer, listenFor } from './rig.js'

/** One message of Linux 6.18: a listener on `::`, an IPv4 client that was answered, and an IPv6 client that waits. */
const captured = Buffer.from(
  [
    'oAEAABQAAgAAAAAATW4W9goKAACl2wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAERAAAAAAAAAAAAAAAAAA',
    'AP8BAAAAAAAAaTNsAAUACAAAAAAABQALAAAAAAAIAA8AAAAAAAwAFQABAAAAAAAAAAYAFgASAAAAHAECAAoAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAD/AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACgAAAAAAAAAD',
    'AAAAAAAAAAAAAAAAAAAA/////////////////////wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACYAQAAFAACAAAAAABNbhb2CgEAAKXb0ZoAAAAAAAAAAAAA',
    '//9/AAABAAAAAAAAAAAAAP//fwAAAQAAAAASEAAAAAAAAAAAAAAAAAAAAAAAAAAAAADnM2wABQAIAAAAAAAIAA8AAAAAAAwAFQAB',
    'AAAAAAAAAAYAFgASAAAAHAECAAEAAAAAB6oB4BwDAECcAAAAgAAAGAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAfAEAAAAAAAB8AQAA',
    'fAEAAP//AADL/wAADgAAAAcAAAD///9/CwAAAMv/AAADAAAAAAAAAMv/AAAAAAAAdiEpiQ4AAAD//////////wQAAAAAAAAABAAA',
    'AAAAAAACAAAABAAAAAAAAAAJAAAAAQAAAAEAAAA4jgPZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIAAAAAAAAABAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACY',
    'AQAAFAACAAAAAABNbhb2CgEAAKXbqPgAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAQAAAAATEAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAADpM2wABQAIAAAAAAAIAA8AAAAAAAwAFQABAAAAAAAAAAYAFgASAAAAHAECAAEAAAAAB6oBQA0DAECcAAAAgAAAGAIA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAgAEAAAAAAAB8AQAAfAEAAAAAAQC4/wAADAAAAAYAAAD///9/CgAAALj/AAADAAAAAAAAALj/',
    'AAAAAAAAu3RzKxIAAAD//////////wAAAAAAAAAABQAAAAAAAAABAAAAAwAAAAAAAAAMAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAAAAEAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  ].join(''),
  'base64',
)

test('tcpDiagRequest() asks for a dump of one family and one port, with tcp_info', () => {
  assert.equal(
    tcpDiagRequest(10, 0x1234).toString('hex'),
    '48000000' + '1400' + '0103' + '0000000000000000' + '0a060200' + '3a0f0000' + '1234' + '00'.repeat(46),
  )
})

test('parseTcpDiag() reads listeners and connections', () => {
  const { sockets, done, errno } = parseTcpDiag(captured)
  assert.deepEqual([done, errno], [false, 0])
  assert.deepEqual(sockets, [
    {
      state: 'listen',
      inode: 7091049,
      port: 42459,
      local: '[::]:42459',
      peer: '[::]:0',
      receiveQueue: 0,
      sendQueue: 511,
      info: null,
    },
    {
      state: 'established',
      inode: 7091175,
      port: 42459,
      local: '[::ffff:7f00:1]:42459',
      peer: '[::ffff:7f00:1]:53658',
      receiveQueue: 0,
      sendQueue: 0,
      info: {
        bytesReceived: 4,
        bytesSent: 4,
        notSent: 0,
        msSinceSent: 380,
        msSinceReceived: 380,
        bareAcks: 1,
        ackDelayMs: 40,
      },
    },
    {
      state: 'established',
      inode: 7091177,
      port: 42459,
      local: '[::1]:42459',
      peer: '[::1]:43256',
      receiveQueue: 0,
      sendQueue: 0,
      info: {
        bytesReceived: 5,
        bytesSent: 0,
        notSent: 0,
        msSinceSent: 384,
        msSinceReceived: 380,
        bareAcks: 1,
        ackDelayMs: 40,
      },
    },
  ])
})

test('parseTcpDiag() reads the end of a dump and errors', () => {
  const done = Buffer.from('14000000030002000000000089220000' + '00000000', 'hex')
  assert.deepEqual(parseTcpDiag(done), { sockets: [], done: true, errno: 0 })
  const error = Buffer.from('24000000020000000000000089220000' + 'feffffff' + '00'.repeat(16), 'hex')
  assert.deepEqual(parseTcpDiag(error), { sockets: [], done: true, errno: 2 })
  assert.deepEqual(parseTcpDiag(captured.subarray(0, 12)), { sockets: [], done: false, errno: 0 })
})

/** Connects and waits until the kernel has completed the connection; nobody needs to accept it. */
async function connectFor(t: TestContext, port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  defer(t, () => socket.destroy())
  await once(socket, 'connect')
  return socket
}

async function serverFor(t: TestContext, onData: (data: string, socket: Socket) => void): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('data', (data) => onData(String(data), socket))
    socket.on('error', () => {})
    defer(t, () => socket.destroy())
  })
  defer(t, () => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

test('tcpSockets() shows the queue of a listener, and what connections have received and sent', async (t) => {
  const listener = listenFor(t, openSockets(), 'http', { ...anyTcpPort, backlog: 9 })
  const port = Number(listener.address.split(':').at(-1))
  const waiting = await connectFor(t, port)
  waiting.write('hello')
  await until(
    () => tcpSockets([port]).some(({ receiveQueue, inode }) => inode === 0 && receiveQueue === 5),
    'it is there',
  )
  const [listens, queued] = tcpSockets([port]).sort((a, b) => b.inode - a.inode)
  assert.deepEqual(listens, {
    state: 'listen',
    inode: listener.inode,
    port,
    local: `127.0.0.1:${port}`,
    peer: '0.0.0.0:0',
    receiveQueue: 1,
    sendQueue: 9,
    info: null,
  })
  assert.equal(queued?.peer, `127.0.0.1:${waiting.localPort}`)

  const serves = await serverFor(t, (data, socket) => data === 'ask' && socket.write('answer'))
  const [asks, owed] = [await connectFor(t, serves), await connectFor(t, serves)]
  owed.write('later')
  asks.write('ask')
  await once(asks, 'data')
  const find = (client: Socket) =>
    tcpSockets([port, serves]).find(({ peer }) => peer === `127.0.0.1:${client.localPort}`)
  await until(() => find(owed)?.receiveQueue === 0 && find(owed)?.info?.bytesReceived === 5, 'it was read')
  assert.deepEqual([find(asks)?.info?.bytesReceived, find(asks)?.info?.bytesSent], [3, 6])
  assert.deepEqual([find(owed)?.info?.bytesSent, find(owed)?.state], [0, 'established'])
})

test('tcpSockets() returns nothing for a port that nobody uses', () => {
  assert.deepEqual(tcpSockets([1]), [])
})

test('tcpConnections() looks up single connections, of both families', async (t) => {
  const sockets = openSockets()
  const both = listenFor(t, sockets, 'both', { ...anyTcpPort, host: '::' })
  const port = Number(both.address.split(':').at(-1))
  const accepted = await serverFor(t, () => {})
  for (const [host, to] of [
    ['127.0.0.1', port],
    ['::1', port],
    ['127.0.0.1', accepted],
  ] as const) {
    const client = connect({ port: to, host })
    defer(t, () => client.destroy())
    await once(client, 'connect')
    const local = { address: host, port: to }
    const peer = { address: host, port: client.localPort ?? 0 }
    const find = () => tcpConnections([{ local, peer }])[0]
    await until(() => to === port || find()?.inode !== 0, 'it is accepted')
    assert.equal(find()?.state, 'established')
    assert.equal(find()?.inode === 0, to === port, 'it has an inode once it is accepted')
    assert.deepEqual(
      tcpConnections([{ local, peer: { ...peer, port: 1 } }]),
      [null],
      'not the listening socket',
    )
  }
})
