import assert from 'node:assert/strict'
import test from 'node:test'
import { advice } from '../../dist/adapters/processes/advice.js'

test('advice() says what to write when a child bound the address that its parent was passed', () => {
  const listeners = [{ address: '127.0.0.1:3000' }]
  const node = { argv: ['/usr/bin/node', 'shim.js'], hasLibrary: true }
  const shell = { argv: ['/app/entry.sh'], hasLibrary: false, runsAnother: true as const }
  const other = { argv: ['/app/server'], hasLibrary: false }
  const inUse = ['Error: listen EADDRINUSE: address already in use :::3000', 'x']
  const start = 'handover: the supervisor has bound this address, but what '
  const end = ' starts as its child does not get it, wanted '
  assert.deepEqual(advice(node, listeners, inUse), [`${start}node${end}the command of the child itself`])
  assert.deepEqual(advice(shell, listeners, ['OSError: [Errno 98] Address already in use']), [
    `${start}entry.sh${end}"exec" before the program in the script`,
  ])
  assert.deepEqual(advice(node, listeners, ['EADDRINUSE :::3001']), [], 'an address that nobody passed')
  assert.deepEqual(advice(shell, listeners, ['another error']), [])
  assert.deepEqual(advice(shell, [], inUse), [])
  assert.deepEqual(advice(other, listeners, inUse), [])
})
