import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventBoundary } from '../dist/connections/event-stream/boundary.js'
import { readHandshake } from '../dist/connections/websocket/handshake.js'

const reached = (...chunks: string[]): boolean => {
  const boundary = new EventBoundary()
  for (const chunk of chunks) boundary.push(Buffer.from(chunk))
  return boundary.reached
}

void test('EventBoundary is reached after a blank line, with every kind of line end', () => {
  assert.equal(reached(), true)
  for (const end of ['\n', '\r', '\r\n']) {
    for (const [text, expected] of [
      [`data: 1${end}${end}`, true],
      [`data: 1${end}`, false],
      [`data: 1${end}${end}data`, false],
      [`: ping${end}${end}`, true],
    ] as const) {
      assert.equal(reached(text), expected, JSON.stringify(text))
      assert.equal(reached(...text), expected, JSON.stringify([...text]))
    }
  }
  assert.equal(reached('data: 1\r', '\n'), false)
  assert.equal(reached('data: 1\n\r\n'), true)
})

void test('readHandshake() waits for the whole head, and recognizes one that opens a WebSocket', () => {
  const head =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: chat\r\n\r\n'
  for (let cut = 0; cut < head.length; cut++) assert.equal(readHandshake(head.slice(0, cut)), undefined)
  assert.deepEqual(readHandshake(head), { protocol: 'chat', extensions: '' })
  assert.deepEqual(readHandshake(head.replace('Protocol: chat', 'Extensions: permessage-deflate')), {
    protocol: '',
    extensions: 'permessage-deflate',
  })
  assert.equal(readHandshake('HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n'), null)
  assert.equal(readHandshake('HTTP/1.1 400 Bad Request\r\n'), null)
  assert.equal(readHandshake('\x81\x05hello'), null)
})
