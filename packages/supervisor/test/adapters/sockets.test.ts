import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import test from 'node:test'
import { until, within } from '@handover/testkit'
import { openSockets } from '../../dist/adapters/index.js'
import type { ListenerSpec } from '../../dist/model/index.js'
import { anyTcpPort, defer, folderFor, listenFor } from './rig.js'

const isRoot = process.getuid?.() === 0
const hasIPv6 = existsSync('/proc/net/if_inet6') && readFileSync('/proc/net/if_inet6', 'utf8').includes(' lo')

function refusal(name: string, spec: ListenerSpec): string {
  const sockets = openSockets()
  const result = sockets.listen(name, spec)
  if (!result.ok) return result.failure.message
  sockets.close(result.value)
  return assert.fail(`it listens on ${result.value.address}`)
}

/** Whether the kernel completes a connection. No process accepts it. */
function connects(to: { port: number; host: string } | { path: string }): Promise<boolean> {
  const attempt = new Promise<boolean>((resolve) => {
    const socket = connect({ ...to, noDelay: true }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
  return within(attempt, 'answer of the kernel')
}

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1))

for (const [host, address, ipv6] of [
  ['127.0.0.1', /^127\.0\.0\.1:\d+$/, false],
  ['0.0.0.0', /^0\.0\.0\.0:\d+$/, false],
  ['localhost', /^(127\.0\.0\.1|\[::1\]):\d+$/, false],
  ['::1', /^\[::1\]:\d+$/, true],
  ['::', /^\[::\]:\d+$/, true],
] as const) {
  test(`listen() binds TCP on ${host} and queues connections`, { skip: ipv6 && !hasIPv6 }, async (t) => {
    const listener = listenFor(t, openSockets(), 'http', { ...anyTcpPort, host })
    assert.match(listener.address, address)
    const port = portOf(listener.address)
    assert.equal(
      await connects({ port, host: host === '::1' || host === 'localhost' ? host : '127.0.0.1' }),
      true,
    )
    if (host === '::') assert.equal(await connects({ port, host: '::1' }), true)
  })
}

test('listen() sets backlog, close-on-exec, and the inode that /proc shows', (t) => {
  const listener = listenFor(t, openSockets(), 'http', { ...anyTcpPort, backlog: 77 })
  const shown = execFileSync('ss', ['-Hltnpe', `sport = :${portOf(listener.address)}`], { encoding: 'utf8' })
  assert.match(shown, /^LISTEN +0 +77 /)
  assert.match(shown, new RegExp(`pid=${process.pid},fd=${listener.fd}\\b`))
  assert.match(shown, new RegExp(`\\bino:${listener.inode}\\b`))
  const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${listener.fd}`, 'utf8'))?.[1]
  assert.equal(parseInt(flags ?? '', 8) & 0o2004000, 0o2004000, 'O_CLOEXEC and O_NONBLOCK')
})

test('listen() names the program that uses the port', (t) => {
  const port = portOf(listenFor(t, openSockets(), 'http', anyTcpPort).address)
  const message = refusal('admin', { ...anyTcpPort, port })
  assert.match(
    message,
    new RegExp(`^listener "admin": port ${port} on "127.0.0.1" is in use by \\S+ \\(pid ${process.pid}\\)$`),
  )
})

test('listen() can bind a port again immediately after close()', () => {
  const sockets = openSockets()
  const first = sockets.listen('http', anyTcpPort)
  assert.ok(first.ok)
  sockets.close(first.value)
  const again = sockets.listen('http', { ...anyTcpPort, port: portOf(first.value.address) })
  assert.ok(again.ok)
  assert.equal(again.value.address, first.value.address)
  sockets.close(again.value)
})

test('listen() refuses an address or a host that does not exist', () => {
  assert.equal(
    refusal('http', { ...anyTcpPort, host: '192.0.2.1' }),
    'listener "http": this machine does not have the address "192.0.2.1"',
  )
  assert.match(
    refusal('http', { ...anyTcpPort, host: 'no such host' }),
    /^listener "http": the host "no such host" is not known: /,
  )
})

test('listen() binds UDP, and refuses a UDP port that is taken', (t) => {
  const udp: Extract<ListenerSpec, { type: 'udp' }> = { type: 'udp', host: '127.0.0.1', port: 0 }
  const listener = listenFor(t, openSockets(), 'metrics', udp)
  const port = portOf(listener.address)
  assert.match(execFileSync('ss', ['-Hlun', `sport = :${port}`], { encoding: 'utf8' }), /127\.0\.0\.1:/)
  assert.match(
    refusal('other', { ...udp, port }),
    new RegExp(`^listener "other": UDP port ${port} on "127.0.0.1" is in use`),
  )
})

const unixIn = (
  folder: string,
  changes: Partial<Extract<ListenerSpec, { type: 'unix' }>> = {},
): ListenerSpec => ({
  type: 'unix',
  path: join(folder, 'web.sock'),
  mode: 0o660,
  backlog: 16,
  ...changes,
})

test(
  'listen() makes a unix socket of the mode and owner asked for, and close() deletes it',
  { skip: !isRoot },
  async (t) => {
    const folder = folderFor(t)
    const sockets = openSockets()
    const result = sockets.listen('admin', unixIn(folder, { mode: 0o624, user: 'nobody', group: '12' }))
    assert.ok(result.ok)
    const path = join(folder, 'web.sock')
    const { mode, uid, gid } = statSync(path)
    assert.deepEqual([mode & 0o7777, uid, gid], [0o624, 65534, 12])
    assert.equal(result.value.address, `unix:${path}`)
    assert.equal(await connects({ path }), true)
    sockets.close(result.value)
    assert.equal(existsSync(path), false)
  },
)

test('listen() replaces the socket of a program that has ended', async (t) => {
  const folder = folderFor(t)
  const left = openSockets().listen('left', unixIn(folder))
  assert.ok(left.ok)
  closeSync(left.value.fd) // as if it was killed: the file stays
  assert.equal(await connects({ path: join(folder, 'web.sock') }), false)
  listenFor(t, openSockets(), 'admin', unixIn(folder))
  assert.equal(await connects({ path: join(folder, 'web.sock') }), true)
})

test('listen() refuses the socket path of a running program, and names the program', async (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'web.sock')
  await serveFor(t, path)
  assert.match(
    refusal('admin', unixIn(folder)),
    new RegExp(`^listener "admin": the socket "${path}" is in use by \\S+ \\(pid ${process.pid}\\)$`),
  )
  assert.equal(await connects({ path }), true)
})

function serveFor(t: TestContext, path: string): Promise<void> {
  const server = createServer((socket) => socket.destroy())
  defer(t, () => new Promise((resolve) => server.close(resolve)))
  return new Promise((resolve) => server.listen(path, resolve))
}

test('listen() does not replace a file that is not a socket', (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'web.sock')
  const expected = `listener "admin": "${path}" exists and is not a socket; it is left as it is`
  writeFileSync(path, 'precious')
  assert.equal(refusal('admin', unixIn(folder)), expected)
  assert.equal(readFileSync(path, 'utf8'), 'precious')

  const link = join(folder, 'link.sock')
  symlinkSync(path, link)
  assert.match(refusal('admin', unixIn(folder, { path: link })), /exists and is not a socket/)
})

test('listen() refuses a unix path that is too long, in a missing folder, or of an unknown user', (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'x'.repeat(100))
  assert.equal(
    refusal('admin', unixIn(folder, { path })),
    `listener "admin": the path "${path}" has ${path.length} bytes, wanted at most 107 for a unix socket`,
  )
  assert.equal(
    refusal('admin', unixIn(folder, { path: join(folder, 'no/web.sock') })),
    `listener "admin": the folder "${folder}/no" does not exist`,
  )
  assert.equal(
    refusal('admin', unixIn(folder, { user: 'nobody-at-all' })),
    'listener "admin": the user "nobody-at-all" does not exist',
  )
})

test('close() does not delete a socket that another program has created at its path', async (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'web.sock')
  const sockets = openSockets()
  const first = sockets.listen('admin', unixIn(folder))
  assert.ok(first.ok)
  execFileSync('rm', [path])
  await serveFor(t, path)
  sockets.close(first.value)
  assert.equal(await connects({ path }), true)
})

test('listen() leaves no descriptor and no file when it fails', (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'web.sock')
  mkdirSync(path)
  const before = openDescriptors()
  for (let round = 0; round < 50; round++) refusal('admin', unixIn(folder))
  for (let round = 0; round < 50; round++) refusal('http', { ...anyTcpPort, host: '192.0.2.1' })
  assert.equal(openDescriptors(), before)
  assert.deepEqual(readdirSync(folder), ['web.sock'])
})

/** Both calls are in one turn of the event loop, so Node closes nothing in between. */
const openDescriptors = () => readdirSync('/proc/self/fd').length

test('the file of a unix socket that another program removes is put back, with the same socket', async (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'web.sock')
  const sockets = openSockets()
  const opened = sockets.listen('web', { type: 'unix', path, mode: 0o600, backlog: 5 })
  assert.ok(opened.ok)
  const listener = opened.value
  const { ino } = statSync(path)
  execFileSync('rm', [path])
  await until(() => existsSync(path), 'the file is there again')
  assert.equal(statSync(path).ino, ino)
  assert.equal(await connects({ path }), true)
  assert.equal(sockets.checkFile(listener), 'renewed')
  assert.equal(sockets.checkFile(listener), 'there')
  sockets.close(listener)
  assert.deepEqual(readdirSync(folder), [])
})

test('a unix socket whose folder was removed is told as gone', async (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'run/web.sock')
  mkdirSync(join(folder, 'run'))
  const sockets = openSockets()
  const listener = listenFor(t, sockets, 'web', { type: 'unix', path, mode: 0o600, backlog: 5 })
  execFileSync('rm', ['-r', join(folder, 'run')])
  await until(() => sockets.checkFile(listener) === 'gone', 'it is gone')
})

test('a program that binds the path of a removed unix socket keeps it', async (t) => {
  const path = join(folderFor(t), 'web.sock')
  const sockets = openSockets()
  const listener = listenFor(t, sockets, 'web', { type: 'unix', path, mode: 0o600, backlog: 5 })
  execFileSync('rm', [path])
  const other = listenFor(t, openSockets(), 'other', { type: 'unix', path, mode: 0o600, backlog: 5 })
  const { ino } = statSync(path)
  await until(() => sockets.checkFile(listener) === 'there', 'it was looked at')
  assert.equal(statSync(path).ino, ino)
  assert.ok(other.inode !== listener.inode)
})
