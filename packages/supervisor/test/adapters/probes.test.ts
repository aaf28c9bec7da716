import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Changes, within } from '@handover/testkit'
import { openProber } from '../../dist/adapters/probes/index.js'
import type { ProbeHandler } from '../../dist/model/index.js'
import type { Verdict } from './probes-rig.js'
import { ask, probeOf } from './probes-rig.js'
import { defer, folderFor } from './rig.js'

const target = { instance: 'web-1', pid: process.pid, listeners: [], probeDir: '/nowhere' }
const fileExists = (file: string): ProbeHandler => ({ type: 'exec', command: ['test', '-e', file] })

test('openProber() reports each change of its verdict, and nothing else', async (t) => {
  const file = join(folderFor(t), 'up')
  writeFileSync(file, '')
  const verdicts: boolean[] = []
  const events = new Changes()
  const probe = probeOf(fileExists(file), { periodSeconds: 0.02, failureThreshold: 2 })
  const stop = openProber().start(target, probe, (healthy) => {
    verdicts.push(healthy)
    events.changed()
  })
  defer(t, stop)
  const next = (length: number) => events.until(() => verdicts.length >= length, `verdict ${length}`)

  await next(1)
  rmSync(file)
  await next(2)
  writeFileSync(file, '')
  await next(3)
  assert.deepEqual(verdicts, [true, false, true])
})

test('openProber() does not wait for a period before the first success', async (t) => {
  const file = join(folderFor(t), 'up')
  const startedAt = performance.now()
  const verdict = new Promise<Verdict>((resolve) => {
    const probe = probeOf(fileExists(file), { periodSeconds: 600, failureThreshold: 2 })
    defer(
      t,
      openProber().start(target, probe, (healthy, reason) => resolve({ healthy, reason })),
    )
  })
  writeFileSync(file, '')
  assert.ok((await within(verdict, 'verdict')).healthy)
  assert.ok(performance.now() - startedAt < 10_000)
})

test('openProber() waits for initialDelaySeconds before the first attempt', async () => {
  const startedAt = performance.now()
  await ask(target, { type: 'exec', command: ['true'] }, { initialDelaySeconds: 0.3 })
  assert.ok(performance.now() - startedAt >= 299)
})

test('openProber() reports nothing after it was stopped, and ends the attempt that is under way', async () => {
  const verdicts: unknown[] = []
  const stop = openProber().start(target, probeOf({ type: 'exec', command: ['sleep', '100'] }), (healthy) =>
    verdicts.push(healthy),
  )
  // The second probe starts after the first has started its process: both use the same timers.
  await ask(target, { type: 'exec', command: ['true'] })
  stop()
  await ask(target, { type: 'exec', command: ['true'] })
  assert.deepEqual(verdicts, [])
})
