import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { within } from '@handover/testkit'
import { App, copyOfDist, type AppOptions } from './app.js'
import { DatagramSocket } from './datagrams.js'
import { heldTcp } from './sockets.js'

const noSystemdNotify = spawnSync('systemd-notify', ['--version']).status === 0 ? false : 'no systemd-notify'

function notifySocket(t: TestContext, name = 'notify') {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-'))
  const socketPath = name.startsWith('@') ? name : path.join(folder, name)
  const socket = new DatagramSocket(socketPath)
  t.after(() => {
    socket.close()
    fs.rmSync(folder, { recursive: true })
  })
  return { socket, socketPath }
}

async function readyAndStopping(t: TestContext, fixture: string, options: AppOptions) {
  const { socket, socketPath } = notifySocket(t)
  const app = await App.start(t, fixture, {
    unsupervised: true,
    ...options,
    env: { PORT: '0', NOTIFY_SOCKET: socketPath, ...options.env },
  })
  const first = await socket.receive()
  // Only koffi can send the descriptor of the listener.
  if (first.startsWith('FDSTORE=1')) assert.match(first, /^FDSTORE=1\nFDNAME=bound-__-\d+\nFDPOLL=0$/)
  assert.equal(first.startsWith('FDSTORE=1') ? await socket.receive() : first, 'READY=1')
  const exit = app.stop()
  assert.match(await socket.receive(), /^STOPPING=1\nSTATUS=Draining\nEXTEND_TIMEOUT_USEC=31000000\n?/)
  assert.deepEqual(await exit, { code: 0, signal: null })
}

void test('register sends READY=1 and STOPPING=1 to systemd when koffi is installed', (t) =>
  readyAndStopping(t, 'http.cjs', {}))

void test(
  'register sends READY=1 and STOPPING=1 by systemd-notify when koffi is not installed',
  { skip: noSystemdNotify },
  async (t) => {
    const copy = copyOfDist()
    t.after(() => copy.remove())
    await readyAndStopping(t, copy.fixture, { register: { dist: copy.dist } })
  },
)

void test('register warns once and continues when nothing can send to NOTIFY_SOCKET', async (t) => {
  const copy = copyOfDist()
  t.after(() => copy.remove())
  // Node is started by its full path, so this PATH hides only systemd-notify.
  const app = await App.start(t, copy.fixture, {
    unsupervised: true,
    register: { dist: copy.dist },
    env: { PORT: '0', NOTIFY_SOCKET: '/nowhere', PATH: '/nonexistent' },
  })
  await app.until(() => app.output.includes('HandoverWarning'))
  assert.match(app.output, /NOTIFY_SOCKET is set, but nothing can send "READY=1" to it: install/)
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})

/** The library in a service started by systemd: waits for a datagram, and checks every one before it. */
async function unit(t: TestContext, env: Record<string, string> = {}, name?: string) {
  const { socket, socketPath } = notifySocket(t, name)
  const app = await App.start(t, 'unit.mjs', {
    unsupervised: true,
    register: false,
    env: { PORT: '0', NOTIFY_SOCKET: socketPath, ...env },
  })
  const read = async (wanted: RegExp): Promise<string> => {
    const text = await socket.receive()
    return wanted.test(text) ? text : read(wanted)
  }
  const received = (wanted: RegExp) => within(read(wanted), () => `${wanted}; ${app.output}`, 15)
  return { app, received }
}

void test('reload() sends RELOADING=1 with the monotonic time, then READY=1, with the reason when it failed', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const greeting = path.join(folder, 'greeting')
  fs.writeFileSync(greeting, 'hello')
  const { app, received } = await unit(t, { GREETING_FILE: greeting })
  await received(/^READY=1$/)
  const before = process.hrtime.bigint() / 1000n
  app.signal('SIGHUP')
  const [, at = ''] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(await received(/RELOADING/)) ?? []
  assert.ok(BigInt(at) >= before && BigInt(at) <= process.hrtime.bigint() / 1000n, at)
  assert.equal(await received(/READY/), 'READY=1')
  fs.rmSync(greeting)
  app.signal('SIGHUP')
  await received(/RELOADING/)
  assert.match(await received(/READY/), /^READY=1\nSTATUS=ENOENT: .*\nERRNO=2$/)
  await app.untilOutput('kept: ENOENT')
})

void test('watchdog signs stop when the event loop hangs', async (t) => {
  const { app, received } = await unit(t, { WATCHDOG_USEC: '200000' })
  await received(/^WATCHDOG=1$/)
  await received(/^WATCHDOG=1$/)
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})

void test('a watchdog sign is sent by a successor when it takes over, and by a program before it is replaced', async (t) => {
  const periodSeconds = 3600 // so long that no other sign comes
  const { app, received } = await unit(t, {
    WATCHDOG_USEC: String(periodSeconds * 1e6),
    HANDOVER_UPGRADE_SIGNAL: 'SIGUSR2',
    HANDOVER_EXEC_SIGNAL: 'SIGWINCH',
  })
  assert.equal(await received(/READY/), 'READY=1\nWATCHDOG=1')
  app.signal('SIGUSR2')
  const [, pid = ''] = /^MAINPID=(\d+)\nREADY=1\nWATCHDOG=1$/.exec(await received(/MAINPID/)) ?? []
  const successor = Number(pid)
  t.after(() => endIfThere(successor))
  assert.notEqual(successor, app.pid)
  process.kill(successor, 'SIGWINCH')
  await received(/^RELOADING=1\n/)
  assert.equal(await received(/WATCHDOG|READY/), 'WATCHDOG=1')
  assert.equal(await received(/WATCHDOG|READY/), 'READY=1\nWATCHDOG=1')
  process.kill(successor, 'SIGTERM')
  await received(/^STOPPING=1/)
})

void test('watchdog signs continue while no process serves (strategy recreate)', async (t) => {
  const { app, received } = await unit(t, {
    WATCHDOG_USEC: '100000',
    HANDOVER_UPGRADE_SIGNAL: 'SIGUSR2',
    HANDOVER_UPGRADE_STRATEGY: 'recreate',
    BOOT_MS: '1000',
  })
  await received(/^READY=1/)
  app.signal('SIGUSR2')
  await received(/^RELOADING=1\n/)
  let signs = 0
  let datagram = await received(/./)
  for (; datagram === 'WATCHDOG=1'; datagram = await received(/./)) signs++
  const [, pid = ''] = /^MAINPID=(\d+)\nREADY=1\nWATCHDOG=1$/.exec(datagram) ?? assert.fail(datagram)
  t.after(() => endIfThere(Number(pid)))
  assert.ok(signs >= 10, `${signs} watchdog signs in a second`)
  process.kill(Number(pid), 'SIGTERM')
  await received(/^STOPPING=1/)
})

void test('no watchdog signs are sent when WATCHDOG_PID is another process', async (t) => {
  const { app, received } = await unit(t, { WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' })
  await received(/^READY=1$/)
  const exit = app.stop()
  assert.match(await received(/WATCHDOG|STOPPING/), /^STOPPING=1/)
  assert.deepEqual(await exit, { code: 0, signal: null })
})

void test('register sends to NOTIFY_SOCKET when it is abstract', async (t) => {
  const { received } = await unit(t, {}, `@handover-notify-${process.pid}`)
  await received(/^STATUS=warm$/)
  await received(/^READY=1$/)
})

void test('ERRNO is sent when a listener cannot be bound', async (t) => {
  const blocker = heldTcp()
  t.after(() => blocker.close())
  const { received } = await unit(t, { PORT: String(blocker.port) })
  assert.match(await received(/ERRNO/), /^STATUS=listen EADDRINUSE: .*\nERRNO=98$/)
})

for (const [what, socketPath, message] of [
  ['gone', '/nonexistent/notify', /NOTIFY_SOCKET "\/nonexistent\/notify" failed: ENOENT/],
  ['too long', `/${'n'.repeat(120)}`, /a path of 121 bytes, wanted at most 107 \(unix\(7\)\)/],
  ['relative', 'notify', /NOTIFY_SOCKET is "notify", wanted an absolute path or a name after "@"/],
] as const) {
  void test(`the service warns once and serves when NOTIFY_SOCKET is ${what}`, async (t) => {
    const app = await App.start(t, 'unit.mjs', {
      unsupervised: true,
      register: false,
      env: { PORT: '0', NOTIFY_SOCKET: socketPath },
    })
    await app.until(() => app.output.includes('HandoverWarning'))
    assert.match(app.output, message)
    assert.deepEqual(await app.stop(), { code: 0, signal: null })
    assert.equal(app.output.split('HandoverWarning').length, 2, app.output)
  })
}

function endIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has exited
  }
}
