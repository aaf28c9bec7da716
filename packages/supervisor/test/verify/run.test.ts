import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import test from 'node:test'
import { within } from '@handover/testkit'
import { formatVerify, parseIdentify, runVerify } from '../../dist/verify/index.js'
import type { Load, VerifyOptions, VerifyProgress } from '../../dist/verify/index.js'
import { limitMs, listen, okAnswer, rawServer } from './support.js'

const quick: Pick<VerifyOptions, 'pauseSeconds' | 'warmUpSeconds' | 'coolDownSeconds'> = {
  pauseSeconds: [0.02, 0.05],
  warmUpSeconds: 0.3,
  coolDownSeconds: 0.1,
}
const workloads = {
  newConnections: { perSecond: 100 },
  keepAlive: [{ connections: 5, thinkMs: [0, 20] as const }],
}
const upgraded = (ms = 1) => Promise.resolve({ ok: true, ms })

void test('runVerify() passes when every upgrade is done and nothing fails', async (t) => {
  let version = 0
  const target = await listen(
    t,
    createServer((_request, response) => response.setHeader('X-Version', version).end('hello')),
  )
  const identify = parseIdentify('header:x-version')
  assert.ok(identify.ok)
  const progress: string[] = []
  const result = await within(
    runVerify({
      ...quick,
      load: { target, workloads, identify: identify.value, timeoutMs: limitMs },
      upgrades: 3,
      upgrade: (upgrade) => {
        version = upgrade
        return upgraded(upgrade * 10)
      },
      onProgress: (step) => progress.push('upgrade' in step ? `${step.type} ${step.upgrade}` : step.type),
    }),
  )
  assert.ok(result.ok)
  const report = result.value
  assert.deepEqual(report.reasons, [])
  assert.ok(report.passed && report.load.answered > 20)
  assert.deepEqual(progress, [
    'calibrated',
    'loadStarted',
    ...[1, 2, 3].flatMap((upgrade) => [`upgradeStarted ${upgrade}`, `upgradeEnded ${upgrade}`]),
    'coolingDown',
  ])
  assert.match(formatVerify(report)[0] ?? '', /^passed: 3 upgrades, 10-30 ms each, 0 of \d+ requests failed$/)
})

void test('runVerify() does not pass when a request fails, and says which', async (t) => {
  let failing = false
  const target = await listen(
    t,
    rawServer((socket) => {
      if (failing) socket.resetAndDestroy()
      else socket.write(okAnswer('hello'))
    }),
  )
  const result = await within(
    runVerify({
      ...quick,
      load: { target, workloads, stopAtFirstFailure: true, timeoutMs: limitMs },
      upgrades: 1000,
      upgrade: (upgrade) => {
        failing = upgrade === 2
        return upgraded()
      },
    }),
  )
  assert.ok(result.ok)
  const report = result.value
  assert.equal(report.passed, false)
  assert.ok(report.upgrades.length < 1000, 'it ended early')
  assert.match(report.reasons[0] ?? '', /^\d+ of \d+ requests failed$/)
  assert.equal(report.failures[0]?.outcome, 'reset')
  assert.match(formatVerify(report).join('\n'), /upgrade 2: reset: GET \//)
})

void test('runVerify() compares only what two releases answer alike when it rehearses', async (t) => {
  let release = 0
  const target = await listen(
    t,
    createServer((_request, response) => response.end(`release ${release}`)),
  )
  const verify = (rehearse: boolean) =>
    runVerify({
      ...quick,
      rehearse,
      load: { target, workloads, timeoutMs: limitMs },
      upgrades: 1,
      upgrade: () => {
        release += 1
        return upgraded()
      },
    })
  const rehearsed = await within(verify(true))
  assert.ok(rehearsed.ok && rehearsed.value.passed)
  const compared = await within(verify(false))
  assert.ok(compared.ok && compared.value.load.outcomes.wrong > 0)
})

void test('runVerify() ends at the first upgrade that fails', async (t) => {
  const target = await listen(
    t,
    createServer((_request, response) => response.end('hello')),
  )
  const result = await within(
    runVerify({
      ...quick,
      load: { target, workloads, timeoutMs: limitMs },
      upgrades: 5,
      upgrade: (upgrade) =>
        upgrade < 2
          ? upgraded()
          : Promise.resolve({ ok: false, ms: 5, message: 'it exited before it was ready' }),
    }),
  )
  assert.ok(result.ok && !result.value.passed)
  assert.deepEqual(result.value.reasons, [
    'upgrade 2 failed: it exited before it was ready',
    '1 of 5 upgrades were done',
  ])
  assert.equal(result.value.load.failed, 0)
})

void test('runVerify() fails before any load when the service is not well without an upgrade', async (t) => {
  const target = await listen(
    t,
    createServer((_request, response) => response.writeHead(500).end()),
  )
  const options = { ...quick, upgrades: 1, upgrade: () => assert.fail('no upgrade is to be tried') }
  const bad = await within(runVerify({ ...options, load: { target, workloads } }))
  assert.ok(!bad.ok)
  assert.match(
    bad.failure.message,
    /^"GET \/" of 127\.0\.0\.1:\d+ fails even without an upgrade: the status is 500/,
  )
  const gone = await within(runVerify({ ...options, load: { target: { path: '/tmp/no.sock' }, workloads } }))
  assert.ok(!gone.ok)
  assert.match(gone.failure.message, /unix:\/tmp\/no\.sock .*could not be opened: ENOENT/)
})

void test('runVerify() leaves no load behind when the upgrade throws', async (t) => {
  const target = await listen(
    t,
    createServer((_request, response) => response.end('hello')),
  )
  let load: Load | undefined
  const upgrade = () => Promise.reject(new Error('a bug'))
  const onProgress = (step: VerifyProgress) => {
    if (step.type === 'loadStarted') load = step.load
  }
  const options = {
    ...quick,
    upgrades: 1,
    upgrade,
    onProgress,
    load: { target, workloads, timeoutMs: limitMs },
  }
  await assert.rejects(within(runVerify(options)), /a bug/)
  assert.ok(load)
  assert.equal((await within(load.finished)).inFlight, 0)
})

void test('runVerify() ends early and in order when it is aborted', async (t) => {
  const target = await listen(
    t,
    createServer((_request, response) => response.end('hello')),
  )
  const abort = new AbortController()
  const result = await within(
    runVerify({
      ...quick,
      load: { target, workloads, timeoutMs: limitMs },
      upgrades: 1000,
      signal: abort.signal,
      upgrade: () => {
        abort.abort()
        return upgraded()
      },
    }),
  )
  assert.ok(result.ok && !result.value.passed)
  assert.deepEqual(result.value.reasons, ['1 of 1000 upgrades were done'])
  assert.equal(result.value.load.failed, 0)
})
