import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync, watch, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort, until } from '@handover/testkit'
import { ask } from '../systemd/rig.js'
import { openLone, serve } from './rig.js'

/** Node binds the second one itself, as only it knows the option. */
const everything = (folder: string) => `${serve('tcp')}
const unix = (options) =>
  require('node:http').createServer((request, response) => response.end('unix ' + process.pid)).listen(options)
unix('${join(folder, 'app.sock')}')
unix({ path: '${join(folder, 'all.sock')}', writableAll: true })
const udp = require('node:dgram').createSocket('udp4')
udp.on('message', (message, peer) => udp.send(String(process.pid), peer.port, peer.address)).bind(process.env.PORT)
`

test('later generations keep UDP sockets, unix sockets and the port of the probes', async (t) => {
  const probes = await freePort()
  const service = await openLone(t, 'app.cjs', {
    env: { HANDOVER_PROBES_PORT: String(probes), HANDOVER_IDLE_SECONDS: '0.2' },
    prepare(folder) {
      writeFileSync(join(folder, 'app.cjs'), everything(folder))
      return {}
    },
  })
  const [socketPath, writablePath] = ['app.sock', 'all.sock'].map((name) => join(service.folder, name)) as [
    string,
    string,
  ]
  const probe = () => ask(probes, '/readyz').catch(String)
  await until(async () => (await probe()) === 'ready\n', 'all of its sockets listen')
  const changes: string[] = []
  const watcher = watch(service.folder, (_, name) => name === 'app.sock' && changes.push(name))
  t.after(() => watcher.close())
  for (let i = 0; i < 3; i++) {
    const next = await service.upgrade()
    await until(async () => (await askUnix(socketPath)) === `unix ${next}`, `${next} has the unix socket`)
    // For some microseconds it is not there.
    const writable = () => askUnix(writablePath).catch(() => '')
    await until(async () => (await writable()) === `unix ${next}`, `${next} has the other one`)
    await until(async () => (await askDatagram(service.port)) === String(next), `${next} has the UDP socket`)
    await until(async () => (await probe()) === 'ready\n', 'the probes are answered')
  }
  assert.doesNotMatch(service.output(), /Warning|Error/)
  assert.deepEqual(changes, [], 'the socket was there all the time')
  const last = service.pid()
  process.kill(last, 'SIGTERM')
  await until(() => !existsSync(`/proc/${last}/fd/0`), `${last} ended`)
  for (const path of [socketPath, writablePath]) assert.equal(existsSync(path), false)
})

/** Answers once the test has made a file `go` in the folder. */
const endOnGo = `function endOnGo(response) {
  const wait = setInterval(() => {
    if (!require('node:fs').existsSync('go')) return
    clearInterval(wait)
    response.end('slow')
  }, 10)
}
`

test('no upgrade begins while maxDraining earlier generations still answer', async (t) => {
  const service = await openLone(t, 'app.cjs', {
    env: { HANDOVER_MAX_DRAINING: '1', HANDOVER_DRAIN_SECONDS: '30' },
    prepare(folder) {
      const slow = serve('one').replace(
        'response.end',
        "request.url === '/slow' ? endOnGo(response) : response.end",
      )
      writeFileSync(join(folder, 'app.cjs'), slow + endOnGo)
      return {}
    },
  })
  await service.accepts()
  const held = new Promise<string>((resolve, reject) => {
    const request = http.get({ port: service.port, path: '/slow', agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)))
      response.on('end', () => resolve(text))
    })
    request.on('error', reject)
  })
  await service.accepts()
  const second = await service.upgrade()
  process.kill(second, 'SIGUSR2')
  await service.untilOutputMatches(/1 earlier generations still drain \(\d+\), maxDraining is 1/, 0)
  writeFileSync(join(service.folder, 'go'), '')
  assert.equal(await held, 'slow')
  assert.equal(service.pid(), second)
})

function askUnix(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ socketPath, agent: false }, (response) => {
      response.setEncoding('utf8').once('data', (chunk) => resolve(String(chunk)))
    })
    request.on('error', reject)
  })
}

async function askDatagram(port: number): Promise<string> {
  const socket = dgram.createSocket('udp4')
  socket.send('who', port, '127.0.0.1')
  const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(5000) })) as [Buffer]
  socket.close()
  return String(message)
}
