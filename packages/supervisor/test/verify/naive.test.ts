import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '@handover/testkit'
import { runVerify } from '../../dist/verify/index.js'

const cluster = fileURLToPath(new URL('../../../../bench/cluster.cjs', import.meta.url))

/** The control: what passes everywhere else must be able to fail. */
test('runVerify() sees the requests that a hand-written node:cluster roll loses', async (t) => {
  const port = await freePort()
  const child = spawn(process.execPath, [cluster], { env: { ...process.env, PORT: String(port) } })
  t.after(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const lines = createInterface(child.stdout)
  await once(lines, 'line')

  const result = await runVerify({
    load: {
      target: { host: '127.0.0.1', port },
      workloads: {
        keepAlive: [{ connections: 50, thinkMs: [0, 20] }],
        pipelining: { connections: 4, depth: 4 },
      },
      timeoutMs: 5000,
    },
    upgrades: 5,
    pauseSeconds: [0, 0.2],
    coolDownSeconds: 0.5,
    async upgrade() {
      const rolled = once(lines, 'line')
      child.kill('SIGHUP')
      await rolled
      return { ok: true, ms: 0 }
    },
  })
  assert.ok(result.ok, result.ok ? '' : result.failure.message)
  const { outcomes } = result.value.load
  assert.ok(outcomes.reset + outcomes.closedBeforeAnswer > 0, JSON.stringify(outcomes))
  t.diagnostic(`of ${result.value.load.requests} requests: ${JSON.stringify(outcomes)}`)
})
