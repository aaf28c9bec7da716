import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CountingSession, freePort, openRig } from '@handover/testkit'
import type { Rig } from '@handover/testkit'

const upgrades = 4
/** Every fourth message: sessions that never paused would take the time that the instances need to start. */
const maxThinkMs = 400
const apps = fileURLToPath(new URL('../../test/fixtures/apps/', import.meta.url))

test(`upgrade moves 50 busy WebSocket sessions ${upgrades} times, and none loses a message`, async (t) => {
  const { rig, sessions, talks, stop } = await conversation(t, 50)
  for (let upgrade = 0; upgrade < upgrades; upgrade++) {
    const { code, receipts } = await rig.operate({ type: 'upgrade', wait: 'drained' })
    const before = sessions.map(({ answered }) => answered)
    assert.equal(code, 0)
    assert.equal(receipts.length, 1)
    for (const { account, id, side, unaccounted } of receipts[0]?.instances ?? []) {
      assert.equal(unaccounted, 0, id)
      if (side === 'old') assert.equal(account?.endedOrderly, 0, JSON.stringify(account))
    }
    // The new instance has answered each before the next upgrade: one more answer may still be of the old one.
    await Promise.all(
      sessions.map((session, index) =>
        session.until(() => session.answered > (before[index] ?? 0) + 1 || session.closed !== null),
      ),
    )
  }
  stop()
  await Promise.all(talks)
  for (const session of sessions) {
    assert.deepEqual([session.faults, session.closed], [[], null])
    assert.equal(session.pids.size, upgrades + 1)
  }
  t.diagnostic(`${sessions.reduce((total, { answered }) => total + answered, 0)} messages answered`)
})

test('the same sessions are lost when an application ends in the usual way', async (t) => {
  const { rig, sessions, talks } = await conversation(t, 50, {
    env: { PLAIN: '1' },
    register: false,
    steer: false,
  })
  assert.equal((await rig.upgrade()).code, 0)
  await Promise.all(sessions.map((session) => session.until(() => session.closed !== null)))
  await Promise.all(talks)
  assert.ok(sessions.every(({ closed }) => closed?.code === 1006))
})

test('upgrade ends the WebSockets of an application that knows nothing of it with 1012', async (t) => {
  const { rig, sessions, talks } = await conversation(t, 20, { env: { PLAIN: '1' } })
  const { code } = await rig.upgrade()
  assert.equal(code, 0)
  await Promise.all(sessions.map((session) => session.until(() => session.closed !== null)))
  await Promise.all(talks)
  for (const { closed } of sessions) assert.deepEqual(closed, { code: 1012, reason: 'Service Restart' })
})

async function conversation(t: TestContext, count: number, options: object = {}) {
  const rig: Rig = openRig()
  t.after(() => rig.close())
  const port = await freePort()
  const command = ['node', join(apps, 'websocket.mjs')]
  const services = { web: { command, listen: { http: port }, ...options } }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  const sessions = await Promise.all(
    Array.from({ length: count }, () => CountingSession.open(`ws://127.0.0.1:${port}/`)),
  )
  t.after(() => sessions.forEach(({ ws }) => ws.terminate()))
  let stopped = false
  t.after(() => (stopped = true))
  const talks = sessions.map(async (session) => {
    for (let n = 1; !stopped; n++) {
      const text = n % 11 === 0 ? 'x'.repeat(70_000 + n) : `message ${n}`
      if (!(await session.ask(text, n % 5 === 0 ? 3 : 1))) return
      if (n % 4 === 0) await later(Math.random() * maxThinkMs)
    }
  })
  return { rig, sessions, talks, stop: () => (stopped = true) }
}
