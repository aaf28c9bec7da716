import assert from 'node:assert/strict'
import { closeSync, fstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import test from 'node:test'
import { AF_UNIX, SOCK_DGRAM } from '../../dist/shared/socket-constants.js'
import {
  PosixError,
  bind,
  connect,
  dup,
  recvmsg,
  sendmsg,
  setCloseOnExec,
  socket,
  waitpid,
} from '../../dist/adapters/linux/posix.js'
import { unixAddress } from '../../dist/shared/socket-address.js'
import { defer, folderFor } from './rig.js'

function pairFor(t: TestContext): { sender: number; receiver: number } {
  const address = unixAddress(join(folderFor(t), 'socket'))
  const [receiver, sender] = [socket(AF_UNIX, SOCK_DGRAM), socket(AF_UNIX, SOCK_DGRAM)]
  defer(t, () => [receiver, sender].forEach((fd) => closeSync(fd)))
  bind(receiver, address)
  connect(sender, address)
  return { sender, receiver }
}

const isCloseOnExec = (fd: number): boolean => {
  const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? ''
  return (parseInt(flags, 8) & 0o2000000) !== 0
}

test('recvmsg() returns what sendmsg() sent, or null when there is no message', (t) => {
  const { sender, receiver } = pairFor(t)
  assert.equal(recvmsg(receiver, 100), null)
  assert.equal(sendmsg(sender, Buffer.from('hello')), 5)
  assert.deepEqual(recvmsg(receiver, 100), { data: Buffer.from('hello'), fds: [], truncated: false })
  sendmsg(sender, Buffer.from('hello'))
  assert.deepEqual(recvmsg(receiver, 3), { data: Buffer.from('hel'), fds: [], truncated: true })
})

test('sendmsg() passes as many descriptors as the kernel allows, and recvmsg() makes them close-on-exec', (t) => {
  const { sender, receiver } = pairFor(t)
  sendmsg(sender, Buffer.from('x'), Array<number>(253).fill(receiver))
  const fds = recvmsg(receiver, 100)?.fds ?? []
  assert.equal(fds.length, 253)
  const { ino } = fstatSync(receiver)
  assert.ok(fds.every((fd) => fstatSync(fd).ino === ino && isCloseOnExec(fd)))
  fds.forEach((fd) => closeSync(fd))
})

test('dup() and setCloseOnExec() set the close-on-exec flag', (t) => {
  const copy = dup(pairFor(t).receiver)
  assert.equal(isCloseOnExec(copy), true)
  setCloseOnExec(copy, false)
  assert.equal(isCloseOnExec(copy), false)
  closeSync(copy)
})

test('a call that fails throws a PosixError with the name of the errno', () => {
  const named = (code: string, syscall: string) => (error: unknown) =>
    error instanceof PosixError && error.code === code && error.syscall === syscall
  assert.throws(() => dup(99_999), named('EBADF', 'fcntl'))
  assert.throws(() => waitpid(process.pid), named('ECHILD', 'waitpid'))
})
