import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, openRig, until } from '@handover/testkit'
import type { Explanation, ServiceHistory } from '../../dist/control/api.js'
import type { InstanceReceipt, InstanceStatus } from '../../dist/model/index.js'

/** Services of a Python server that SIGTERM ends at once, all of one supervisor. */
const rig = openRig()
const ports: Record<string, number> = {}
const threads = fileURLToPath(new URL('../../test/fixtures/peers/threads.py', import.meta.url))
const readinessProbe = { httpGet: { port: 'http', path: '/ready' }, periodSeconds: 1, failureThreshold: 1 }
const fields: Record<string, object> = {
  web: { replicas: 2, readinessProbe },
  cut: { drain: { timeoutSeconds: 1 } },
  shared: { steer: false },
}

before(async () => {
  const services: Record<string, object> = {}
  for (const [name, own] of Object.entries(fields)) {
    ports[name] = await freePort()
    const listen = { http: `127.0.0.1:${ports[name]}` }
    services[name] = { command: ['python3', threads], cwd: rig.folder, replicas: 1, listen, ...own }
  }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
})
after(() => rig.close())

async function instancesOf(service: string): Promise<InstanceStatus[]> {
  return (await rig.status()).services.find(({ name }) => name === service)?.instances ?? []
}

/** Resolves when it is connected and has sent its request. */
async function ask(service: string, ms: number): Promise<{ answer: Promise<string> }> {
  const socket = connect(ports[service] ?? 0, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET /?ms=${ms} HTTP/1.0\r\n\r\n`)
  let text = ''
  const answer = new Promise<string>((resolve, reject) => {
    socket.on('data', (data) => (text += String(data)))
    socket.on('error', reject).on('end', () => resolve(text))
  })
  return { answer }
}

async function explain(service: string): Promise<string> {
  const { stdout } = await rig.handover('explain', service, '--json')
  const [explanation] = JSON.parse(stdout) as Explanation[]
  return explanation?.lines.join('\n') ?? ''
}

/** The old instances of the newest rollout, when they have exited. */
async function oldInstances(service: string, replicas: number): Promise<InstanceReceipt[]> {
  await until(async () => (await instancesOf(service)).length === replicas, 'the old ones are gone')
  const { stdout } = await rig.handover('history', service, '--json')
  const [history] = JSON.parse(stdout) as ServiceHistory[]
  const receipt = history?.revisions.at(-1)?.receipts.at(-1)
  return receipt?.instances.filter(({ side }) => side === 'old') ?? []
}

test('upgrade loses no request of a program without signal handling, and the receipt says so', async () => {
  const asked = await Promise.all(Array.from({ length: 6 }, () => ask('web', 1500)))
  const upgrade = rig.upgrade('web')
  let upgraded = false
  void upgrade.finally(() => (upgraded = true)).catch(() => {})
  while (!upgraded) assert.match(await (await ask('web', 50)).answer, /^HTTP\/1\.0 200 /)
  assert.equal((await upgrade).code, 0)
  for (const { answer } of asked) assert.match(await answer, /^HTTP\/1\.0 200 [^]*\r\n\r\n1 \d+$/)
  const nothing = { owing: 0, idle: 0 }
  assert.deepEqual(
    (await oldInstances('web', 2)).map(({ seen }) => seen),
    [
      { atSignal: nothing, left: nothing },
      { atSignal: nothing, left: nothing },
    ],
  )
})

test('requests that outlast the drain are told as cut', async () => {
  const { answer } = await ask('cut', 60_000)
  assert.equal((await rig.upgrade('cut')).code, 0)
  assert.equal(await answer.catch(() => ''), '')
  const [old] = await oldInstances('cut', 1)
  assert.deepEqual(old?.seen, { atSignal: { owing: 1, idle: 0 }, left: { owing: 1, idle: 0 } })
  assert.match((await rig.handover('history', 'cut')).stdout, / 1 cut/)
})

test('explain says why instances share a socket, and the receipt has what was cut', async () => {
  assert.match(await explain('shared'), /^the instances share "http" because steer is false: /)
  const { answer } = await ask('shared', 60_000)
  assert.equal((await rig.upgrade('shared')).code, 0)
  await answer.catch(() => '')
  assert.deepEqual((await oldInstances('shared', 1))[0]?.seen?.left, { owing: 1, idle: 0 })
})

test('a crashed instance leaves its queue to its next process, an unready one gets no connections', async () => {
  const [one, other] = await instancesOf('web')
  assert.ok(one?.pid && other?.pid)
  const isOne = async (state: string) => (await instancesOf('web'))[0]?.state === state
  writeFileSync(join(rig.folder, String(one.pid)), '')
  await until(() => isOne('unready'), 'it is unready')
  const answers = async () => {
    const asked = await Promise.all(Array.from({ length: 12 }, () => ask('web', 0)))
    const texts = await Promise.all(asked.map(({ answer }) => answer))
    return new Set(texts.map((text) => Number(text.split(' ').at(-1))))
  }
  assert.deepEqual([...(await answers())], [other.pid])
  assert.match(await explain('web'), /it gets no new connections while another instance is ready$/)
  rmSync(join(rig.folder, String(one.pid)))
  await until(() => isOne('ready'), 'it is ready again')
  await until(async () => (await answers()).has(one.pid ?? 0), 'it accepts again')

  for (const pid of [one.pid, other.pid]) process.kill(pid, 'SIGSTOP')
  const queued = await Promise.all(Array.from({ length: 12 }, () => ask('web', 0)))
  for (const pid of [one.pid, other.pid]) process.kill(pid, 'SIGKILL')
  for (const { answer } of queued) assert.match(await answer, /^HTTP\/1\.0 200 /)
})
