import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Receipt } from 'handover/model'
import { freePort, openRig, until } from '@handover/testkit'

const fixture = (file: string) => fileURLToPath(new URL(`../../test/fixtures/${file}`, import.meta.url))
const python = '/usr/bin/python3'

test('3 upgrades of a UDP service lose no datagram when it does not use the library', (t) =>
  upgradeUnderLoad(t, ['node', fixture('apps/udp.cjs')], 3, true))

test('3 upgrades of a UDP service lose no datagram when it uses the library', (t) =>
  upgradeUnderLoad(t, ['node', fixture('apps/udp-library.mjs')], 3, true))

const skip = existsSync(python) ? false : `${python} is not there`
test('20 upgrades of a UDP service lose no datagram when it is written in Python', { skip }, (t) =>
  upgradeUnderLoad(t, [python, fixture('peers/udp.py')], 20, false),
)

test('the same load detects lost datagrams when a UDP service exits without a drain', async (t) => {
  const { lost } = await load(t, ['node', fixture('apps/udp-naive.cjs')], 3, { register: false })
  assert.ok(lost > 0)
})

async function upgradeUnderLoad(
  t: TestContext,
  command: string[],
  upgrades: number,
  reports: boolean,
): Promise<void> {
  const { answered, twice, lost, processes, receipts } = await load(t, command, upgrades)
  assert.deepEqual({ twice, lost }, { twice: 0, lost: 0 })
  assert.ok(answered > upgrades * 50, `only ${answered}`)
  assert.ok(processes > upgrades, `only ${processes} processes answered`)
  t.diagnostic(`${answered} datagrams over ${upgrades} upgrades, ${lost} lost, ${twice} answered twice`)
  for (const { instances, kernel } of receipts) {
    assert.equal(kernel?.UdpRcvbufErrors, 0)
    for (const { account, side, unaccounted = 0 } of instances) {
      assert.equal(account !== null, reports)
      assert.equal(unaccounted, 0)
      if (account && side === 'old') assert.equal(account.datagramsSent, account.datagramsReceived)
    }
  }
}

interface Outcome {
  answered: number
  twice: number
  lost: number
  processes: number
  receipts: Receipt[]
}

async function load(
  t: TestContext,
  command: string[],
  times: number,
  options: object = {},
): Promise<Outcome> {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await freePort()
  const listen = { echo: `udp:127.0.0.1:${port}` }
  const services = { echo: { command, replicas: 2, listen, env: { UDP_PORT: String(port) }, ...options } }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  const clients = await Promise.all(Array.from({ length: 8 }, () => echoClient(port)))
  const receipts: Outcome['receipts'] = []
  const answers = async () => {
    const instances = (await rig.status()).services.flatMap(({ instances }) => instances)
    return instances.some(({ pid }) => clients.some(({ pids }) => pids.has(String(pid))))
  }
  for (let i = 0; i < times; i++) {
    await until(answers, 'an instance of the last upgrade answers')
    const upgraded = await rig.operate({ type: 'upgrade', wait: 'drained' })
    assert.equal(upgraded.code, 0)
    assert.equal(upgraded.receipts.length, 1)
    receipts.push(...upgraded.receipts)
  }
  const ends = await Promise.all(clients.map((client) => client.stop()))
  const total = (of: (end: (typeof ends)[number]) => number) => ends.reduce((sum, end) => sum + of(end), 0)
  return {
    answered: total(({ answered }) => answered),
    twice: total(({ twice }) => twice),
    lost: total(({ lost }) => lost),
    processes: new Set(clients.flatMap(({ pids }) => [...pids])).size,
    receipts,
  }
}

/** A client with four datagrams in flight at any time. Each is sent once. `stop` waits for the missing answers. */
async function echoClient(port: number) {
  const socket = createSocket('udp4')
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const waiting = new Map<number, NodeJS.Timeout>()
  const pids = new Set<string>()
  let [next, answered, twice, lost, stopped] = [0, 0, 0, 0, false]
  let settled = () => {}
  const send = () => {
    if (stopped) return void (waiting.size === 0 && settled())
    const number = next++
    const missing = () => {
      waiting.delete(number)
      lost++
      send()
    }
    waiting.set(number, setTimeout(missing, 2000))
    socket.send(String(number))
  }
  socket.on('message', (message) => {
    const [pid = '', number] = String(message).split(' ')
    const timer = waiting.get(Number(number))
    if (timer === undefined) return void twice++
    clearTimeout(timer)
    waiting.delete(Number(number))
    pids.add(pid)
    answered++
    setTimeout(send, 10)
  })
  socket.on('error', () => {}) // ECONNREFUSED when no process has the port: the datagram counts as lost anyway
  for (let i = 0; i < 4; i++) send()
  return {
    pids,
    async stop() {
      stopped = true
      if (waiting.size > 0) await new Promise<void>((resolve) => (settled = resolve))
      socket.close()
      return { answered, twice, lost }
    },
  }
}
