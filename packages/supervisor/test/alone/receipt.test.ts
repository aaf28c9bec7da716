import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cpSync, existsSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { UpgradeReceipt } from '@handover/process'
import { openLone, type Lone } from './rig.js'

const library = fileURLToPath(new URL('../../../process/', import.meta.url))
const dist = join(library, 'dist')

/** Below `folder`, the library finds no koffi. */
const copyOfLibrary = (part: string, folder: string) =>
  cpSync(join(library, part), join(folder, part), { recursive: true })

/** Upgrades from the program, and prints the receipt: SIGUSR2 is the test's, not the library's. */
const program = (library: string) => `import { createServer } from 'node:http'
import { handover } from ${JSON.stringify(join(library, 'index.js'))}
const service = handover()
const server = createServer((request, response) => {
  if (request.url !== '/slow') return response.end(String(process.pid))
  console.log('slow begun')
  service.once('draining', () => setTimeout(() => response.end(String(process.pid)), 50))
})
process.on('SIGUSR2', async () => console.log('receipt ' + JSON.stringify(await service.upgrade())))
await service.listen(server, { name: 'http', host: '127.0.0.1', port: Number(process.env.PORT) })
service.ready()
console.log('serves')
`

async function openUpgrading(t: Parameters<typeof openLone>[0], copied: boolean): Promise<Lone> {
  const service = await openLone(t, 'app.mjs', {
    register: false,
    env: { HANDOVER_UPGRADE_SIGNAL: '' },
    prepare(folder) {
      if (copied) for (const part of ['dist', 'package.json']) copyOfLibrary(part, folder)
      else writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
      writeFileSync(join(folder, 'app.mjs'), program(copied ? join(folder, 'dist') : dist))
      return {}
    },
  })
  await service.untilOutput('serves')
  return service
}

async function receiptOf(service: Lone): Promise<UpgradeReceipt> {
  await service.untilOutputMatches(/^receipt .*\n/m, 0)
  const [, json = ''] = /^receipt (.*)$/m.exec(service.output()) ?? []
  return JSON.parse(json) as UpgradeReceipt
}

test('upgrade() resolves with a receipt in which both sides balance', async (t) => {
  const service = await openUpgrading(t, false)
  const first = service.pid()
  const idle = await Promise.all(Array.from({ length: 5 }, () => openClient(service.port)))
  for (const client of idle) assert.equal(await client.ask('/'), String(first))
  const left = await openClient(service.port)
  assert.equal(await left.ask('/'), String(first))
  await left.end()
  const slow = await openClient(service.port)
  const answer = slow.ask('/slow', 'Connection: close\r\n')
  await service.untilOutput('slow begun')

  const next = await service.upgrade()
  assert.equal(await answer, String(first))
  const { from, to, phases, cut, balanced } = await receiptOf(service)
  const { accepted, adopted, answered, endedByPeer, endedOrderly, endedAtDeadline, handedOver, open } =
    from.account
  assert.deepEqual(
    { accepted, adopted, answered, endedByPeer, endedOrderly, endedAtDeadline, handedOver, open },
    {
      accepted: 7,
      adopted: 0,
      answered: 7,
      endedByPeer: 1,
      endedOrderly: 1,
      endedAtDeadline: 0,
      handedOver: 5,
      open: 0,
    },
  )
  assert.deepEqual([from.pid, to.pid, cut, balanced], [first, next, [], true])
  assert.equal(to.account?.adopted, 5)
  assert.equal(to.account.open, 5)
  const { started, listening, ready, stoppedAccepting, drained } = phases
  const times = [0, started, listening, ready, stoppedAccepting, drained].map((time) => time ?? NaN)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
  assert.ok(times.every((time) => time >= 0 && time < 60)) // NaN is neither
  for (const client of idle) assert.equal(await client.ask('/'), String(next))
})

test('without koffi an upgrade works, only that no connection moves', async (t) => {
  const service = await openUpgrading(t, true)
  assert.equal(existsSync(join(service.folder, 'node_modules')), false)
  const first = service.pid()
  const idle = await Promise.all(Array.from({ length: 5 }, () => openClient(service.port)))
  for (const client of idle) assert.equal(await client.ask('/'), String(first))
  const slow = await openClient(service.port)
  const answer = slow.ask('/slow', 'Connection: close\r\n')
  await service.untilOutput('slow begun')

  const next = await service.upgrade()
  assert.equal(await answer, String(first))
  for (const client of idle) await client.closed
  const { from, to, balanced } = await receiptOf(service)
  const { accepted, endedByPeer, endedOrderly, handedOver } = from.account
  assert.deepEqual(
    { accepted, endedByPeer, endedOrderly, handedOver },
    { accepted: 6, endedByPeer: 0, endedOrderly: 6, handedOver: 0 },
  )
  assert.deepEqual([from.pid, to.pid, balanced], [first, next, true])
  assert.equal(to.account?.adopted, 0)
  const later = await openClient(service.port)
  assert.equal(await later.ask('/'), String(next))
  await later.end()
  assert.doesNotMatch(service.output(), /Warning/)
})

/** A connection that is kept; `closed` rejects on an error of it. */
async function openClient(port: number) {
  const socket = net.connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)))
  const closed = once(socket, 'close')
  await once(socket, 'connect')
  return {
    closed,
    async ask(path: string, headers = ''): Promise<string> {
      text = ''
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`)
      for (;;) {
        const [, body] = /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*\r\n(\d+)$/.exec(text) ?? []
        const [, length] = /^Content-Length: (\d+)\r$/im.exec(text) ?? []
        if (body !== undefined && body.length === Number(length)) return body
        await Promise.race([
          once(socket, 'data', { signal: AbortSignal.timeout(10_000) }),
          closed.then(() => assert.fail(`closed after: ${text}`)),
        ])
      }
    },
    async end(): Promise<void> {
      socket.end()
      await closed
    },
  }
}
