import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, openRig } from '@handover/testkit'
import { runVerify } from '../../dist/verify/index.js'

const peer = (file: string) => fileURLToPath(new URL(`../../test/fixtures/peers/${file}`, import.meta.url))

test('upgrade loses no new connection and no request in flight of a Go server', async (t) => {
  if (!has('go')) return t.skip('go is not installed (Debian: golang-go)')
  await upgradesUnderLoad(t, (folder) => {
    execFileSync('go', ['build', '-o', join(folder, 'server'), peer('server.go')], {
      env: { ...process.env, GO111MODULE: 'off', GOCACHE: join(folder, 'cache') },
    })
    return ['./server']
  })
})

test('upgrade loses no new connection and no request in flight of gunicorn', async (t) => {
  if (!has('gunicorn')) return t.skip('gunicorn is not installed (Debian: gunicorn)')
  await upgradesUnderLoad(t, (folder) => {
    copyFileSync(peer('app.py'), join(folder, 'app.py'))
    return ['gunicorn', '--workers', '1', '--threads', '8', '--graceful-timeout', '20', 'app:app']
  })
})

function has(program: string): boolean {
  try {
    execFileSync('which', [program])
    return true
  } catch {
    return false
  }
}

/** Each request is in flight for 0.3 s. Keep-alive connections are left out: how a server of its own treats them is not ours, see docs/languages.md. */
async function upgradesUnderLoad(t: TestContext, prepare: (folder: string) => string[]): Promise<void> {
  const rig = openRig()
  t.after(() => rig.close())
  const command = prepare(rig.folder)
  const port = await freePort()
  const started = await rig.handover('start', '-i', '2', '-p', `127.0.0.1:${port}`, '--', ...command)
  assert.equal(started.code, 0, started.stderr)

  const result = await runVerify({
    load: {
      target: { host: '127.0.0.1', port },
      path: '/slow?ms=300',
      workloads: { newConnections: { perSecond: 25 } },
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
  assert.ok(
    result.value.passed,
    JSON.stringify([result.value.reasons, result.value.failures.slice(0, 5)], null, 2),
  )
}
