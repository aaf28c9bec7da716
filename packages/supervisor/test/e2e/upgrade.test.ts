import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, openRig } from '@handover/testkit'
import { parseIdentify, runVerify } from '../../dist/verify/index.js'
import type { VerifyReport } from '../../dist/verify/index.js'

const hello = fileURLToPath(new URL('../../test/fixtures/apps/hello.cjs', import.meta.url))

test('upgrade loses no request of an application without signal handling when all kinds of load are on it', async (t) => {
  const rig = openRig()
  t.after(() => rig.close())
  copyFileSync(hello, join(rig.folder, 'app.cjs'))
  const port = await freePort()
  const started = await rig.handover('start', 'app.cjs', '-i', '2', '-p', String(port))
  assert.equal(started.code, 0, started.stderr)

  const identify = parseIdentify('header:x-process')
  assert.ok(identify.ok)
  const result = await runVerify({
    load: {
      target: { host: '127.0.0.1', port },
      identify: identify.value,
      workloads: {
        newConnections: { perSecond: 60 },
        keepAlive: [
          { connections: 50, thinkMs: [0, 600] },
          { connections: 100, thinkMs: [200, 3000] },
        ],
        slow: { concurrency: 10, path: '/', ms: [500, 3000] },
        uploads: { concurrency: 2, bytes: 100_000, path: '/upload' },
        streams: { concurrency: 1, path: '/stream' },
        pipelining: { connections: 2, depth: 3 },
      },
    },
    upgrades: 5,
    pauseSeconds: [0, 0.2],
    coolDownSeconds: 3,
    upgrade: async () => {
      const { code, receipt, stderr } = await rig.upgrade()
      return { ok: code === 0, ms: receipt.wallMs, message: stderr }
    },
  })
  assert.ok(result.ok, !result.ok ? result.failure.message : '')
  assertFlawless(result.value)
})

function assertFlawless(report: VerifyReport): void {
  assert.ok(
    report.passed,
    `${report.reasons.join('; ')}\n${JSON.stringify(report.failures.slice(0, 5), null, 2)}`,
  )
}
