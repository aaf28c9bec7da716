import assert from 'node:assert/strict'
import test from 'node:test'
import { LineSplitter } from '../../dist/shared/lines.js'

test('a LineSplitter returns a line once its end has come, and keeps the rest', () => {
  const lines = new LineSplitter()
  assert.deepEqual(lines.push('o'), [])
  assert.deepEqual(lines.push('ne\ntwo\n\nthr'), ['one', 'two', ''])
  assert.equal(lines.rest, 'thr')
  assert.deepEqual(lines.push('ee\n'), ['three'])
  assert.equal(lines.rest, '')
})

test('drop() forgets an unfinished line', () => {
  const lines = new LineSplitter()
  lines.push('too long')
  lines.drop()
  assert.deepEqual(lines.push(' indeed\nnext\n'), [' indeed', 'next'])
})
