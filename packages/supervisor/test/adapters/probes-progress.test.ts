import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { afterTry, begin } from '../../dist/adapters/probes/progress.js'

/**
 * Plays attempts that take no time: `+` succeeds, `-` fails. Returns the times of the attempts and the verdicts, in
 * milliseconds.
 */
function play(
  tries: string,
  timing: { periodSeconds: number; successThreshold: number; failureThreshold: number },
): string {
  let progress = begin()
  let now = 0
  return [...tries]
    .map((mark) => {
      const step = afterTry(progress, { healthy: mark === '+', startedAt: now, endedAt: now }, timing)
      progress = step.progress
      const text = `${now}${step.changed ? (step.progress.verdict ? ':healthy' : ':unhealthy') : ''}`
      now += step.waitMs
      return text
    })
    .join(' ')
}

describe('afterTry()', () => {
  const timing = { periodSeconds: 1, successThreshold: 1, failureThreshold: 3 }
  const table: [string, string, object, string][] = [
    ['tells the first success at once', '+', {}, '0:healthy'],
    ['tells nothing twice', '+++', {}, '0:healthy 1000 2000'],
    ['asks often until the first success', '----+', {}, '0 20 60 140 300:healthy'],
    ['never waits longer than the period', '-------', {}, '0 20 60 140 300 620 1260'],
    [
      'counts a failure once a period before the first success',
      '----------',
      {},
      '0 20 60 140 300 620 1260 2260:unhealthy 3260 4260',
    ],
    ['needs a row of failures', '+--+---', {}, '0:healthy 1000 2000 3000 4000 5000 6000:unhealthy'],
    ['becomes healthy again', '+---+', {}, '0:healthy 1000 2000 3000:unhealthy 4000:healthy'],
    ['needs a row of successes', '++-+++', { successThreshold: 3 }, '0 1000 2000 3000 4000 5000:healthy'],
    [
      'fails at once when one failure is enough',
      '-+-',
      { failureThreshold: 1 },
      '0:unhealthy 20:healthy 1020:unhealthy',
    ],
    ['asks at the period when that is short', '---', { periodSeconds: 0.01 }, '0 10 20:unhealthy'],
  ]
  for (const [what, tries, changes, expected] of table) {
    test(what, () => assert.equal(play(tries, { ...timing, ...changes }), expected))
  }

  test('keeps the period when an attempt takes longer', () => {
    const timing = { periodSeconds: 1, successThreshold: 1, failureThreshold: 1 }
    assert.equal(afterTry(begin(), { healthy: true, startedAt: 0, endedAt: 300 }, timing).waitMs, 700)
    assert.equal(afterTry(begin(), { healthy: true, startedAt: 0, endedAt: 1300 }, timing).waitMs, 0)
  })
})
