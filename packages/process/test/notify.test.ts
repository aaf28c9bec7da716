import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { App, copyOfDist, type AppOptions } from './app.js'
import { DatagramSocket } from './datagrams.js'

const hasSystemdNotify = spawnSync('systemd-notify', ['--version']).status === 0

function notifySocket(t: TestContext) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'handover-'))
  const socketPath = path.join(folder, 'notify')
  const socket = new DatagramSocket(socketPath)
  t.after(() => {
    socket.close()
    fs.rmSync(folder, { recursive: true })
  })
  return { socket, socketPath }
}

async function readyAndStopping(t: TestContext, fixture: string, options: AppOptions) {
  const { socket, socketPath } = notifySocket(t)
  const app = await App.start(fixture, {
    unsupervised: true,
    ...options,
    env: { PORT: '0', NOTIFY_SOCKET: socketPath, ...options.env },
  })
  t.after(() => app.dispose())
  assert.equal(await socket.receive(), 'READY=1')
  const exit = app.stop()
  assert.match(await socket.receive(), /^STOPPING=1\nSTATUS=Draining\n?/)
  assert.deepEqual(await exit, { code: 0, signal: null })
}

void test('register says READY=1 and STOPPING=1 to systemd when koffi is installed', (t) =>
  readyAndStopping(t, 'http.cjs', {}))

void test(
  'register says it by systemd-notify when koffi is not installed',
  { skip: !hasSystemdNotify },
  async (t) => {
    const copy = copyOfDist()
    t.after(() => copy.remove())
    await readyAndStopping(t, copy.fixture, { register: { dist: copy.dist } })
  },
)

void test('register warns with one sentence and goes on when nothing can send to NOTIFY_SOCKET', async (t) => {
  const copy = copyOfDist()
  t.after(() => copy.remove())
  // Node itself is started by its full path: this PATH hides systemd-notify alone.
  const app = await App.start(copy.fixture, {
    unsupervised: true,
    register: { dist: copy.dist },
    env: { PORT: '0', NOTIFY_SOCKET: '/nowhere', PATH: '/nonexistent' },
  })
  t.after(() => app.dispose())
  await app.until(() => app.output.includes('HandoverWarning'))
  assert.match(app.output, /NOTIFY_SOCKET is set, but nothing can send "READY=1" to it: install/)
  assert.deepEqual(await app.stop(), { code: 0, signal: null })
})
