import assert from 'node:assert/strict'
import test from 'node:test'
import { exitCodes, worstExitCode } from '../../dist/control/api.js'

const { done, failed, usage, rolledBack, timedOut, noSupervisor } = exitCodes

test('worstExitCode() says failed when one service failed and another was rolled back', () => {
  assert.equal(worstExitCode([rolledBack, failed]), failed)
  assert.equal(worstExitCode([failed, rolledBack]), failed)
})

test('worstExitCode() has one order, from a signal down to done', () => {
  const worstFirst = [130, usage, noSupervisor, timedOut, failed, rolledBack, done]
  while (worstFirst.length > 0) {
    assert.equal(worstExitCode([...worstFirst].reverse()), worstFirst[0])
    worstFirst.shift()
  }
  assert.equal(worstExitCode([]), done)
})
