import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { App } from './app.js'
import { stage } from './stage.js'
import { CountingSession } from './websocket-client.js'

const orderly = { code: 0, signal: null }
const fixture = 'websocket-moves.mjs'
const library = { register: false }

const address = (port: number, path = '/') => `ws://127.0.0.1:${port}${path}`

/** Asks without a pause until `stop` says so; long messages and fragments among the short ones. */
async function converse(session: CountingSession, stop: () => boolean): Promise<void> {
  for (let n = 1; !stop(); n++) {
    const text = n % 7 === 0 ? 'x'.repeat(70_000 + n) : `message ${n}`
    if (!(await session.ask(text, n % 5 === 0 ? 3 : 1))) return
  }
}

function assertBalanced({ account }: App): void {
  assert.ok(account)
  const { accepted, adopted, endedByPeer, endedOrderly, endedAtDeadline, handedOver, open } = account
  assert.equal(
    accepted + adopted,
    endedByPeer + endedOrderly + endedAtDeadline + handedOver + open,
    JSON.stringify(account),
  )
}

for (const [name, env] of [
  ['answers at once', {}],
  ['answers after a while, and exports when it has', { SLOW: '3' }],
  ['defers its events', { SYNC: 'no' }],
] as const) {
  void test(`webSockets() moves busy sessions of an application that ${name}`, async (t) => {
    const service = stage(t, fixture, { ...library, env })
    let current = await service.start()
    const sessions = await Promise.all(
      Array.from({ length: 20 }, () => CountingSession.open(address(service.port), ['a', 'b'])),
    )
    t.after(() => sessions.forEach(({ ws }) => ws.terminate()))
    let stop = false
    const talks = sessions.map((session) => converse(session, () => stop))
    for (let upgrade = 0; upgrade < 5; upgrade++) {
      const next = await service.start()
      assert.deepEqual(await current.handOverTo(next), orderly)
      assertBalanced(current)
      assert.equal(current.account?.handedOver, 20)
      assert.equal(current.output, '')
      current = next
      const answered = sessions.map((session) => session.answered)
      await Promise.all(
        sessions.map((session, index) =>
          session
            .until(() => session.answered > (answered[index] ?? 0) || session.closed !== null)
            .catch(() => {}),
        ),
      )
    }
    stop = true
    await Promise.all(talks)
    for (const session of sessions) {
      assert.deepEqual([session.faults, session.closed], [[], null])
      assert.ok(session.pids.size >= 5)
    }
    t.diagnostic(`${sessions.reduce((total, { answered }) => total + answered, 0)} messages answered`)
  })
}
