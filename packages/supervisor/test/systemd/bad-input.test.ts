import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import net from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openSockets } from '../../dist/adapters/index.js'
import { AF_UNIX, SOCK_DGRAM } from '../../dist/shared/socket-constants.js'
import { bind, recvmsg, socket } from '../../dist/adapters/linux/posix.js'
import { sendNotification } from '../../dist/systemd/manager/index.js'
import { passedSockets } from '../../dist/systemd/manager/listeners.js'
import type { InheritedSocket } from '../../dist/systemd/manager/inherited.js'

/** Runs readInherited() in a process that was started with these descriptors. */
function readInChild(
  names: string[],
  descriptors: number[],
): { warnings: string[]; sockets: InheritedSocket[] } {
  const module = new URL('../../dist/systemd/manager/inherited.js', import.meta.url).href
  const script = `
    import { readInherited } from ${JSON.stringify(module)}
    const warnings = []
    const sockets = readInherited(${JSON.stringify(names)}, (line) => warnings.push(line))
    console.log(JSON.stringify({ warnings, sockets }))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe', ...descriptors],
    encoding: 'utf8',
  })
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout) as { warnings: string[]; sockets: InheritedSocket[] }
}

test('readInherited() returns the usable descriptors and warns of each of the others', async (t) => {
  const own = openSockets()
  const tcp = own.listen('http', { type: 'tcp', host: '127.0.0.1', port: 0, backlog: 10 })
  const udp = own.listen('metrics', { type: 'udp', host: '127.0.0.1', port: 0 })
  assert.ok(tcp.ok && udp.ok)
  t.after(() => [tcp, udp].forEach(({ value }) => own.close(value)))
  const file = openSync('/dev/null', 'r')
  const datagram = socket(AF_UNIX, SOCK_DGRAM)
  t.after(() => [file, datagram].forEach(closeSync))
  const connection = await connected(t)

  const names = ['http', `metrics.${udp.value.inode}`, 'file', 'syslog', 'accepted']
  const { sockets, warnings } = readInChild(names, [tcp.value.fd, udp.value.fd, file, datagram, connection])
  assert.deepEqual(
    sockets.map(({ name, fd, type, address, storeName }) => [name, fd, type, address, storeName !== null]),
    [
      ['http', 3, 'tcp', tcp.value.address, false],
      ['metrics', 4, 'udp', udp.value.address, true],
    ],
  )
  assert.deepEqual(warnings, [
    'descriptor 5, which systemd passed as "file", is not a socket; it is not used',
    'descriptor 6, which systemd passed as "syslog", is a socket of another type, wanted TCP, UDP or a unix stream socket; it is not used',
    'descriptor 7, which systemd passed as "accepted", is a connection, not a listening socket; is Accept=yes set in the socket unit?; it is not used',
  ])
})

test('readInherited() names the missing descriptors', () => {
  const { sockets, warnings } = readInChild(Array<string>(200).fill('unknown'), [])
  assert.deepEqual(sockets, [])
  assert.match(warnings.at(-1) ?? '', /^descriptor 202, which systemd passed as "unknown", is not open/)
})

test('sendNotification() sends to paths and abstract names, and returns the reason of a failure', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'notify-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const abstract = `handover-test-${process.pid}`
  for (const [path, address] of [
    [join(folder, 'notify'), `${join(folder, 'notify')}\0`],
    [`@${abstract}`, `\0${abstract}`],
  ] as const) {
    const fd = socket(AF_UNIX, SOCK_DGRAM)
    t.after(() => closeSync(fd))
    bind(fd, Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(address)]))
    assert.equal(sendNotification(path, { READY: 1, STATUS: 'two\nlines' }), null)
    assert.equal(recvmsg(fd, 100)?.data.toString(), 'READY=1\nSTATUS=two lines')
  }
  const say = (path: string) => sendNotification(path, { READY: 1 })
  assert.match(
    say(join(folder, 'gone')) ?? '',
    /\/gone" does not accept "READY=1": connect failed with ENOENT$/,
  )
  assert.match(say(`@${abstract}-gone`) ?? '', /ECONNREFUSED$/)
  assert.match(say(`/${'n'.repeat(107)}`) ?? '', /, a path of 108 bytes, wanted at most 107 \(unix\(7\)\)$/)
  assert.match(
    say('notify') ?? '',
    /^NOTIFY_SOCKET is "notify", wanted an absolute path or a name after "@"$/,
  )
})

test('passedSockets() gives a socket only to the listener with its address', () => {
  const passed = (name: string, address: string, storeName: string | null): InheritedSocket => ({
    name,
    fd: 900,
    inode: 1,
    type: 'tcp',
    address,
    storeName,
  })
  const spec = (port: number) => ({ type: 'tcp', host: '127.0.0.1', port, backlog: 1 }) as const
  const bound: string[] = []
  const sockets = (inherited: InheritedSocket[]) =>
    passedSockets(
      {
        ...openSockets(),
        listen(name, asked) {
          bound.push(name)
          return { ok: true, value: { name, spec: asked, fd: 901, inode: 2, address: '' } }
        },
      },
      inherited,
      { keep: () => {}, remove: () => {} },
      () => [spec(4000), spec(3000)],
    )
  const fdOf = (inherited: InheritedSocket[], name: string, port: number) => {
    const result = sockets(inherited).listen(name, spec(port))
    return result.ok ? result.value.fd : result.failure.message
  }
  assert.equal(fdOf([passed('http', '127.0.0.1:3000', null)], 'http', 3000), 900)
  assert.equal(fdOf([passed('other', '127.0.0.1:3000', null)], 'http', 3000), 900)
  // The name of a socket unit counts if no listener has its address.
  assert.equal(fdOf([passed('http', '127.0.0.1:80', null)], 'http', 3000), 900)
  assert.equal(fdOf([passed('http', '127.0.0.1:4000', null)], 'http', 3000), 901)
  // A stored socket with another address is not used.
  assert.equal(fdOf([passed('http', '127.0.0.1:80', 'http.1')], 'http', 3000), 901)
})

/** The descriptor of an accepted connection. */
async function connected(t: TestContext): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [Socket & { _handle: { fd: number } }]
  t.after(() => {
    client.destroy()
    accepted.destroy()
    server.close()
  })
  return accepted._handle.fd
}
