import assert from 'node:assert/strict'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { ProbeSockets } from '../dist/probes/sockets.js'

/** Node's internal handle of a unix socket. */
interface Handle {
  listen(backlog: number): number
}

void test('a probe socket has its name only while it listens', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'probe-'))
  const socketPath = path.join(folder, 'http.sock')
  const failures: string[] = []
  const sockets = new ProbeSockets(
    folder,
    () => {},
    (message) => failures.push(message),
  )
  const app = net.createServer((socket) => socket.end('served'))
  const named: boolean[] = []
  await beforeListen(t, folder, () => named.push(fs.existsSync(socketPath)))

  sockets.open('http', app)
  assert.deepEqual(named, [false])
  assert.equal(await answer(socketPath), 'served')

  sockets.closeAll()
  assert.deepEqual(fs.readdirSync(folder), [])
  assert.deepEqual(failures, [])
  fs.rmdirSync(folder)
})

/** Calls back between bind(2) and listen(2) of each unix socket from now on. */
async function beforeListen(t: TestContext, folder: string, callback: () => void): Promise<void> {
  const server = net.createServer().listen(path.join(folder, 'other'))
  const prototype = Object.getPrototypeOf(Reflect.get(server, '_handle')) as Handle
  await new Promise((resolve) => server.close(resolve))
  const { listen } = prototype
  t.after(() => (prototype.listen = listen))
  prototype.listen = function (backlog) {
    callback()
    return listen.call(this, backlog)
  }
}

async function answer(socketPath: string): Promise<string> {
  let text = ''
  for await (const chunk of net.connect(socketPath)) text += String(chunk)
  return text
}
