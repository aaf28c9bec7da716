import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from './check.js'

/** SEED=N plays other programs. A failure prints the seed. */
const seed = Number(process.env.SEED ?? 1)

test('applications see in listen, at signals and at closes what they see in plain Node', async () => {
  const found = await check({ seed, serving: 16, perBatch: 8, ending: 4 })
  assert.equal(found, null, found ?? '')
})
