import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Rig } from '@handover/testkit'
import { freePort, openRig, until } from '@handover/testkit'
import type { Explanation, ServiceHistory } from '../../dist/control/api.js'
import type { InstanceReceipt, InstanceStatus } from '../../dist/model/index.js'
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

/** The service `threads` with these fields, in `handover.config.json`. */
async function startWithFor(t: TestContext, fields: object): Promise<{ rig: Rig; port: number }> {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await freePort()
  const listen = { http: `127.0.0.1:${port}` }
  const threads = { command: ['python3', peer('threads.py')], cwd: rig.folder, listen, ...fields }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services: { threads } }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  return { rig, port }
}

async function instancesOf(rig: Rig): Promise<InstanceStatus[]> {
  return (await rig.status()).services[0]?.instances ?? []
}

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

/** Those of the newest rollout, when they have exited. */
async function oldInstances(rig: Rig): Promise<InstanceReceipt[]> {
  const { stdout } = await rig.handover('history', '--json')
  const [history] = JSON.parse(stdout) as ServiceHistory[]
  const receipt = history?.revisions.at(-1)?.receipts.at(-1)
  return receipt?.instances.filter(({ side }) => side === 'old') ?? []
}

test('the receipt says what the kernel showed of a program without the library', async (t) => {
  const { rig, port } = await startFor(t)
  const asked = await Promise.all(Array.from({ length: 6 }, () => ask(port, 1500)))
  const { code } = await rig.upgrade()
  assert.equal(code, 0)
  for (const { answer } of asked) assert.match(await answer, /^HTTP\/1\.0 200 [^]*\r\n\r\n1 \d+$/)
  await until(async () => (await rig.status()).services[0]?.instances.length === 2, 'the old ones are gone')
  const old = await oldInstances(rig)
  const nothing = { owing: 0, idle: 0 }
  assert.deepEqual(
    old.map(({ seen }) => seen),
    [
      { atSignal: nothing, left: nothing },
      { atSignal: nothing, left: nothing },
    ],
  )
})

test('requests that outlast the drain are told as cut', async (t) => {
  const { rig, port } = await startWithFor(t, { replicas: 1, drain: { timeoutSeconds: 1 } })
  const { answer } = await ask(port, 60_000)
  assert.equal((await rig.upgrade()).code, 0)
  assert.equal(await answer.catch(() => ''), '')
  await until(async () => (await instancesOf(rig)).length === 1, 'the old one is gone')
  const [old] = await oldInstances(rig)
  assert.deepEqual(old?.seen, { atSignal: { owing: 1, idle: 0 }, left: { owing: 1, idle: 0 } })
  const { stdout } = await rig.handover('history')
  assert.match(stdout, / 1 cut/)
})

test('explain says why instances share a socket, and the receipt has what was cut', async (t) => {
  const { rig, port } = await startWithFor(t, { replicas: 1, steer: false })
  const { stdout } = await rig.handover('explain', '--json')
  const [explanation] = JSON.parse(stdout) as Explanation[]
  assert.match(explanation?.lines.join() ?? '', /^the instances share "http" because steer is false: /)
  const { answer } = await ask(port, 60_000)
  assert.equal((await rig.upgrade()).code, 0)
  await answer.catch(() => '')
  await until(async () => (await instancesOf(rig)).length === 1, 'the old one is gone')
  assert.deepEqual((await oldInstances(rig))[0]?.seen?.left, { owing: 1, idle: 0 })
})

test('a crashed instance leaves its queue to its next process, an unready one gets no connections', async (t) => {
  const readinessProbe = { httpGet: { port: 'http', path: '/ready' }, periodSeconds: 1, failureThreshold: 1 }
  const { rig, port } = await startWithFor(t, { replicas: 2, readinessProbe })
  const [one, other] = await instancesOf(rig)
  assert.ok(one?.pid && other?.pid)
  writeFileSync(join(rig.folder, String(one.pid)), '')
  await until(async () => (await instancesOf(rig))[0]?.state === 'unready', 'it is unready')
  const answers = async () => {
    const asked = await Promise.all(Array.from({ length: 12 }, () => ask(port, 0)))
    const texts = await Promise.all(asked.map(({ answer }) => answer))
    return new Set(texts.map((text) => Number(text.split(' ').at(-1))))
  }
  assert.deepEqual([...(await answers())], [other.pid])
  rmSync(join(rig.folder, String(one.pid)))
  await until(async () => (await instancesOf(rig))[0]?.state === 'ready', 'it is ready again')
  await until(async () => (await answers()).has(one.pid ?? 0), 'it accepts again')

  for (const pid of [one.pid, other.pid]) process.kill(pid, 'SIGSTOP')
  const queued = await Promise.all(Array.from({ length: 12 }, () => ask(port, 0)))
  for (const pid of [one.pid, other.pid]) process.kill(pid, 'SIGKILL')
  for (const { answer } of queued) assert.match(await answer, /^HTTP\/1\.0 200 /)
})
