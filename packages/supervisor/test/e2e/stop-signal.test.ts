import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { freePort, openRig, until } from '@handover/testkit'

/** Handles only the stop signal, at which it answers the request in flight: any other signal cuts that request. */
const plain = `
const server = require('node:net').createServer((socket) => {
  socket.once('data', () => require('node:fs').writeFileSync('requested', ''))
  process.once('SIGQUIT', () => {
    require('node:fs').writeFileSync('handled', '')
    server.close()
    socket.end('HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 2\\r\\n\\r\\nok')
  })
}).listen({ fd: 3 })
`
/** Answers after the old instance has been told to end, and leaves the signal to the preload. */
const preloaded = `
require('node:http').createServer((request, response) => {
  require('node:fs').writeFileSync('requested', '')
  process.once('SIGUSR1', () => {
    require('node:fs').writeFileSync('handled', '')
    process.exit()
  })
  setTimeout(() => response.end('ok'), 1500)
}).listen(process.env.PORT)
`

const clustered = `
const cluster = require('node:cluster')
if (cluster.isPrimary) cluster.fork()
else {
  ${preloaded}
}
`

describe('an upgrade stops the old instance with its stop signal, and cuts no request', () => {
  const table: [string, string, object][] = [
    // Without the library, the signal waits for the answer for as long as a drain may last.
    ['SIGQUIT, a program without the library', plain, { register: false, drain: { timeoutSeconds: 2 } }],
    ['SIGUSR1, a program with the preload', preloaded, {}],
    ['SIGUSR1, a worker of node:cluster', clustered, {}],
  ]
  for (const [what, program, fields] of table) {
    test(what, async (t) => {
      const rig = openRig()
      t.after(() => rig.close())
      const port = await freePort()
      const stopSignal = what.split(',')[0]
      const app = {
        script: 'app.cjs',
        listen: { http: `127.0.0.1:${port}` },
        lifecycle: { stopSignal },
        ...fields,
      }
      writeFileSync(join(rig.folder, 'app.cjs'), program)
      writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services: { app } }))
      const started = await rig.handover('start')
      assert.equal(started.code, 0, started.stderr)
      const client = net.connect(port, '127.0.0.1')
      const answer = text(client)
      client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      await until(() => existsSync(join(rig.folder, 'requested')), 'the request has arrived')
      const { code, stderr } = await rig.upgrade()
      assert.equal(code, 0, stderr)
      assert.match(await answer, /^HTTP\/1.1 200 OK[^]*ok/)
      await until(
        async () => (await rig.status()).services[0]?.instances.length === 1,
        'the old one has ended',
      )
      assert.ok(existsSync(join(rig.folder, 'handled')), 'the handler of the application has run')
    })
  }
})
