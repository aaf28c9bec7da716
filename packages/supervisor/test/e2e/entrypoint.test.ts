import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { freePort, openRig, until } from '@handover/testkit'

/** `/slow` is answered only when the successor serves, so an upgrade finds it in flight. */
const app = `
const fs = require('node:fs')
const server = require('node:http').createServer((request, response) => {
  if (request.url !== '/slow') return response.end(String(process.pid))
  fs.writeFileSync('requested', '')
  const timer = setInterval(() => {
    if (!fs.existsSync('upgraded')) return
    clearInterval(timer)
    response.end('slow')
  }, 20)
})
if (fs.existsSync('requested')) server.on('listening', () => fs.writeFileSync('upgraded', ''))
server.listen(Number(process.env.PORT))
`

describe('an upgrade cuts no request of a Node program that a shell runs', () => {
  const table: [string, string, string[]][] = [
    ['by exec', 'exec node app.cjs', ['./entry.sh']],
    ['as its child', 'node app.cjs', ['sh', 'entry.sh']],
    ['in the background, and exits at once', 'trap "exit 0" TERM\nnode app.cjs &\nwait', ['./entry.sh']],
    ['in a loop', 'while :; do node app.cjs; done', ['./entry.sh']],
    ['as its child, and does more afterwards', 'node app.cjs\necho "the end"', ['./entry.sh']],
  ]
  for (const [how, last, command] of table) {
    test(how, async (t) => {
      const rig = openRig()
      t.after(() => rig.close())
      const port = await freePort()
      const script = `#!/bin/sh\nset -e\necho migrating\nnode -e 'console.log("migrated")'\n${last}\n`
      writeFileSync(join(rig.folder, 'app.cjs'), app)
      writeFileSync(join(rig.folder, 'entry.sh'), script, { mode: 0o755 })
      const spec = { command, listen: { http: `127.0.0.1:${port}` }, progressDeadlineSeconds: 100 }
      writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services: { app: spec } }))
      const started = await rig.handover('start')
      assert.equal(started.code, 0, started.stderr)
      const client = net.connect(port, '127.0.0.1')
      const answer = text(client)
      client.write('GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      await until(() => existsSync(join(rig.folder, 'requested')), 'the request has arrived')
      const { code, receipt, stderr } = await rig.upgrade()
      assert.equal(code, 0, stderr)
      assert.match(await answer, /^HTTP\/1.1 200 OK[^]*slow/)
      assert.equal(receipt.outcome, 'complete')
      await until(
        async () => (await rig.status()).services[0]?.instances.length === 1,
        'the old instance has ended',
      )
    })
  }
})
