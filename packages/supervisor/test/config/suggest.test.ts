import assert from 'node:assert/strict'
import { test } from 'node:test'
import { didYouMean, editDistance } from '../../dist/config/suggest.js'

test('editDistance() counts insertions, deletions, substitutions and swaps', () => {
  const table: [string, string, number][] = [
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', 'ab', 1],
    ['abc', 'abxc', 1],
    ['abc', 'axc', 1],
    ['lsiten', 'listen', 1],
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
  ]
  for (const [from, to, distance] of table) assert.equal(editDistance(from, to), distance, `${from} ${to}`)
})

test('didYouMean() suggests the nearest word, and none that is far off', () => {
  const fields = ['command', 'replicas', 'listen']
  assert.equal(didYouMean('replica', fields), ', did you mean "replicas"?')
  assert.equal(didYouMean('LISTEN', fields), ', did you mean "listen"?')
  assert.equal(didYouMean('lsiten', fields), ', did you mean "listen"?')
  assert.equal(didYouMean('instances', fields), '')
  assert.equal(didYouMean('x', []), '')
})
