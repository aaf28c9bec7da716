import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, fstatSync, lstatSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import test from 'node:test'
import { within } from '@handover/testkit'
import { openSockets } from '../../dist/adapters/index.js'
import type { InheritedSocket } from '../../dist/systemd/manager/inherited.js'
import { passedSockets } from '../../dist/systemd/manager/listeners.js'
import { defer, folderFor } from './rig.js'

const program = `
const { createServer } = require('net')
const udp = require('dgram').createSocket('udp4').bind(0, '127.0.0.1')
const tcp = createServer((socket) => socket.end()).listen(0, '127.0.0.1', () => {
  const unix = createServer().listen('web.sock', () =>
    udp.on('message', () => {}) && process.stdout.write(JSON.stringify({
      tcp: tcp._handle.fd, port: tcp.address().port, unix: unix._handle.fd, out: 1,
      udp: udp[Object.getOwnPropertySymbols(udp).find(({ description }) => description === 'state symbol')].handle.fd,
      udpPort: udp.address().port,
    }) + '\\n'))
})
process.stdin.on('end', () => process.exit()).resume()`

interface Bound {
  pid: number
  tcp: number
  port: number
  unix: number
  udp: number
  udpPort: number
  out: number
}

/** A process that leads its group and has bound a TCP, a UDP and a unix socket. */
async function boundFor(t: TestContext, folder: string): Promise<Bound & { end(): Promise<void> }> {
  const child = spawn(process.execPath, ['-e', program], { cwd: folder, detached: true })
  const exit = once(child, 'exit')
  const end = async () => {
    child.stdin.end()
    await exit
  }
  defer(t, end)
  child.stderr.pipe(process.stderr)
  const [line] = (await within(once(child.stdout, 'data'), 'the sockets')) as [Buffer]
  return { ...(JSON.parse(String(line)) as Omit<Bound, 'pid'>), pid: child.pid ?? 0, end }
}

const none = new Set<number>()

test('take() copies TCP, UDP and unix sockets of a process, which stay open when it has ended', async (t) => {
  const folder = folderFor(t)
  const sockets = openSockets()
  const { pid, end, ...bound } = await boundFor(t, folder)
  const take = (name: 'tcp' | 'udp' | 'unix') => {
    const taken = sockets.take({ name, pid, fd: bound[name] }, pid, none)
    assert.ok(taken.ok, JSON.stringify(taken))
    assert.ok(taken.value.listener)
    assert.equal(taken.value.inode, fstatSync(taken.value.listener.fd).ino)
    return taken.value.listener
  }
  const [tcp, udp, unix] = [take('tcp'), take('udp'), take('unix')]
  defer(t, () => [tcp, udp].forEach((listener) => sockets.close(listener)))
  const path = join(folder, 'web.sock')
  assert.deepEqual(
    [tcp, udp, unix].map(({ address, discovered }) => [address, discovered]),
    [
      [`127.0.0.1:${bound.port}`, true],
      [`127.0.0.1:${bound.udpPort}`, true],
      [`unix:${path}`, true],
    ],
  )
  assert.deepEqual(
    [tcp.spec.type, udp.spec.type, unix.spec],
    ['tcp', 'udp', { type: 'unix', path, mode: lstatSync(path).mode & 0o777, backlog: 4096 }],
  )
  assert.equal(sockets.isWaitedOn(tcp), false)
  await end()
  const client = connect(bound.port, '127.0.0.1')
  await once(client, 'connect')
  assert.equal(sockets.isWaitedOn(tcp), true)
  client.destroy()
  sockets.close(unix)
  assert.equal(existsSync(path), false)
})

test('take() copies nothing from another process, and nothing that cannot be a listener', async (t) => {
  const folder = folderFor(t)
  const sockets = openSockets()
  const { pid, tcp, out } = await boundFor(t, folder)
  const refused = (...args: Parameters<typeof sockets.take>) => {
    const taken = sockets.take(...args)
    return taken.ok ? taken.value : taken.failure.message
  }
  assert.equal(
    refused({ name: 'http', pid, fd: tcp }, process.pid, none),
    `listener "http": process ${pid} is not one of the instance's`,
  )
  assert.equal(
    refused({ name: 'http', pid, fd: 9999 }, pid, none),
    `listener "http" of process ${pid} cannot be copied: pidfd_getfd failed with EBADF`,
  )
  assert.equal(
    refused({ name: 'http', pid, fd: out }, pid, none),
    `listener "http": descriptor 1 of process ${pid} does not listen`,
  )
  const first = sockets.take({ name: 'http', pid, fd: tcp }, pid, none)
  assert.ok(first.ok && first.value.listener)
  const { listener } = first.value
  defer(t, () => sockets.close(listener))
  assert.deepEqual(refused({ name: 'http', pid, fd: tcp }, pid, new Set([listener.inode])), {
    inode: listener.inode,
    listener: null,
  })
})

test('what is taken goes into the store of systemd, comes back from it by its inode, and leaves it when it is closed', async (t) => {
  const { pid, tcp } = await boundFor(t, folderFor(t))
  const store = new Map<string, number>()
  const manager = (passed: InheritedSocket[]) =>
    passedSockets(
      openSockets(),
      passed,
      { keep: (name, fd) => void store.set(name, fd), remove: (name) => void store.delete(name) },
      () => [],
    )
  const taken = manager([]).take({ name: 'http', pid, fd: tcp }, pid, none)
  assert.ok(taken.ok && taken.value.listener)
  const { fd, ...listener } = taken.value.listener
  const storeName = `http.${listener.inode}`
  assert.deepEqual([...store], [[storeName, fd]])

  const next = manager([
    { name: 'http', fd, inode: listener.inode, type: 'tcp', address: listener.address, storeName },
  ])
  const recovered = next.recover({ ...listener, lateMs: 7 }, [])
  assert.ok(recovered.ok)
  assert.deepEqual(recovered.value, { ...listener, lateMs: 7, fd })
  assert.deepEqual(next.settle(), [])
  assert.equal(store.size, 1)
  next.close({ ...recovered.value, name: 'another' })
  assert.equal(store.size, 0)
})
