import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from './check.js'

const seed = Number(process.env.SEED ?? 100)
/** Each plays other programs. */
const rounds = Number(process.env.RUNS ?? 6)

for (let round = 0; round < rounds; round++)
  test(`applications see what they see in plain Node (round ${round + 1} of ${rounds})`, async () => {
    const found = await check({ seed: seed + round, serving: 30, perBatch: 10, ending: 9 })
    assert.equal(found, null, found ?? '')
  })
