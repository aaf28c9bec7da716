import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Rig } from '@handover/testkit'
import { freePort, openRig } from '@handover/testkit'

export const fixture = (path: string) =>
  fileURLToPath(new URL(`../../test/fixtures/${path}`, import.meta.url))

const has = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0

/** Options for a test that cannot run without `command`. */
export const without = (command: string) => (has(command) ? {} : { skip: `needs ${command} on the PATH` })

export async function http2Service(t: TestContext, env: Record<string, string>) {
  const rig = openRig()
  t.after(() => rig.close())
  const port = await freePort()
  const counts = join(rig.folder, 'counts')
  mkdirSync(counts)
  const service = {
    command: ['node', fixture('apps/http2.cjs')],
    env: { ...env, COUNTS: counts },
    replicas: 2,
    listen: { http: port },
  }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services: { web: service } }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)
  return {
    rig,
    port,
    url: `${env['TLS'] === '1' ? 'https' : 'http'}://127.0.0.1:${port}/`,
    /** How many requests the instances that have ended were given. */
    counted: () =>
      readdirSync(counts).reduce((sum, pid) => sum + Number(readFileSync(join(counts, pid), 'utf8')), 0),
  }
}

export async function upgradeOften(rig: Rig, upgrades: number): Promise<void> {
  for (let i = 0; i < upgrades; i++) await upgrade(rig)
}

export async function upgrade(rig: Rig): Promise<void> {
  const { code, receipts } = await rig.operate({ type: 'upgrade' })
  assert.equal(code, 0)
  assert.equal(receipts.length, 1)
  for (const { id, account, unaccounted } of receipts[0]?.instances ?? [])
    assert.equal(unaccounted, 0, `${id}: ${JSON.stringify(account)}`)
}
