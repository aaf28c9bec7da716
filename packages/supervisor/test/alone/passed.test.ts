import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '@handover/testkit'
import { openLone, serve } from './rig.js'

const everything = (socketPath: string) => `${serve('tcp')}
require('node:http').createServer((request, response) => response.end('unix ' + process.pid)).listen('${socketPath}')
const udp = require('node:dgram').createSocket('udp4')
udp.on('message', (message, peer) => udp.send(String(process.pid), peer.port, peer.address)).bind(process.env.PORT)
`

test('UDP and unix sockets and the port of the probes go on in the next generations', async (t) => {
  const probes = await freePort()
  const service = await openLone(t, 'app.cjs', {
    env: { HANDOVER_PROBES_PORT: String(probes), HANDOVER_IDLE_SECONDS: '0.2' },
    prepare(folder) {
      writeFileSync(join(folder, 'app.cjs'), everything(join(folder, 'app.sock')))
      return {}
    },
  })
  const socketPath = join(service.folder, 'app.sock')
  await service.said('tcp listens')
  for (let i = 0; i < 3; i++) {
    const next = await service.upgrade()
    while ((await askUnix(socketPath)) !== `unix ${next}`);
    while ((await askDatagram(service.port)) !== String(next));
    while ((await fetch(`http://127.0.0.1:${probes}/livez`).catch(() => null))?.status !== 200);
  }
  assert.doesNotMatch(service.output(), /Warning|Error/)
  const last = service.pid()
  process.kill(last, 'SIGTERM')
  while (existsSync(`/proc/${last}/fd/0`)) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(existsSync(socketPath), false)
})

test('no upgrade begins while maxDraining earlier generations still answer', async (t) => {
  const service = await openLone(t, 'app.cjs', {
    env: { HANDOVER_MAX_DRAINING: '1' },
    prepare(folder) {
      const slow = serve('one').replace(
        'response.end',
        "request.url === '/slow' ? setTimeout(() => response.end('slow'), 3000) : response.end",
      )
      writeFileSync(join(folder, 'app.cjs'), slow)
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
  await service.saidLike(/1 earlier generations still drain \(\d+\), maxDraining is 1/, 0)
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
