import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Rig } from '@handover/testkit'
import { freePort, openRig, until } from '@handover/testkit'
import type { ServiceHistory } from '../../dist/control/api.js'
import { runVerify } from '../../dist/verify/index.js'

const peer = (file: string) => fileURLToPath(new URL(`../../test/fixtures/peers/${file}`, import.meta.url))

/** Two instances of a Python server that SIGTERM ends at once. */
async function startFor(t: TestContext, ...flags: string[]): Promise<{ rig: Rig; port: number }> {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await freePort()
  const command = ['python3', peer('threads.py')]
  const started = await rig.handover(
    'start',
    '-i',
    '2',
    '-p',
    `127.0.0.1:${port}`,
    ...flags,
    '--',
    ...command,
  )
  assert.equal(started.code, 0, started.stderr)
  return { rig, port }
}

test('upgrade loses no connection and no request of a program without signal handling', async (t) => {
  const { rig, port } = await startFor(t)
  const result = await runVerify({
    load: {
      target: { host: '127.0.0.1', port },
      path: '/?ms=300',
      workloads: { newConnections: { perSecond: 15 } },
    },
    rehearse: true,
    upgrades: 5,
    pauseSeconds: [0, 0.3],
    upgrade: async () => {
      const { code, receipt, stderr } = await rig.upgrade()
      return { ok: code === 0, ms: receipt.wallMs, message: stderr }
    },
  })
  assert.ok(result.ok, result.ok ? '' : result.failure.message)
  assert.ok(result.value.passed, JSON.stringify([result.value.reasons, result.value.failures.slice(0, 5)]))
})

async function ask(port: number, ms: number): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET /?ms=${ms} HTTP/1.0\r\n\r\n`)
  let text = ''
  const answer = new Promise<string>((resolve, reject) => {
    socket.on('data', (data) => (text += String(data)))
    socket.on('error', reject).on('end', () => resolve(text))
  })
  return { socket, answer }
}

test('the receipt says what the kernel showed of a program without the library', async (t) => {
  const { rig, port } = await startFor(t)
  const asked = await Promise.all(Array.from({ length: 6 }, () => ask(port, 1500)))
  const { code } = await rig.upgrade()
  assert.equal(code, 0)
  for (const { answer } of asked) assert.match(await answer, /^HTTP\/1\.0 200 [^]*\r\n\r\n1 \d+$/)
  await until(async () => (await rig.status()).services[0]?.instances.length === 2, 'the old ones are gone')
  const { stdout } = await rig.handover('history', '--json')
  const [history] = JSON.parse(stdout) as ServiceHistory[]
  const receipt = history?.revisions.at(-1)?.receipts.at(-1)
  const old = receipt?.instances.filter(({ side }) => side === 'old') ?? []
  const nothing = { owing: 0, idle: 0 }
  assert.deepEqual(
    old.map(({ seen }) => seen),
    [
      { atSignal: nothing, left: nothing },
      { atSignal: nothing, left: nothing },
    ],
  )
})
