import assert from 'node:assert/strict'
import test from 'node:test'
import type { TcpInfo, TcpSocket } from '../../dist/adapters/linux/tcp-diag.js'
import { owingRule } from '../../dist/adapters/processes/owing.js'

/** A connection that was answered a minute ago. */
const idle: TcpInfo = {
  bytesReceived: 80,
  bytesSent: 200,
  notSent: 0,
  msSinceReceived: 60_000,
  msSinceSent: 59_000,
  bareAcks: 1,
  ackDelayMs: 40,
}

const connection = (info: Partial<TcpInfo> | null, more: Partial<TcpSocket> = {}): TcpSocket => ({
  state: 'established',
  inode: 7,
  port: 3000,
  local: '192.0.2.2:3000',
  peer: '192.0.2.1:40000',
  receiveQueue: 0,
  sendQueue: 0,
  info: info && { ...idle, ...info },
  ...more,
})

const owes = (one: TcpSocket, waitedMs = 10_000): boolean =>
  owingRule(10_000, 0).judge([one], waitedMs).owing.length === 1

for (const [what, one, expected] of [
  ['a connection that was answered', connection({}), false],
  ['a request later than the last answer', connection({ msSinceReceived: 100, msSinceSent: 104 }), true],
  ['a first request', connection({ bytesSent: 0, msSinceSent: 60_004 }), true],
  ['bytes that were not read', connection({}, { receiveQueue: 1 }), true],
  ['bytes that were not acknowledged', connection({}, { sendQueue: 1 }), true],
  ['a connection without figures', connection(null), true],
  ['a half-closed client that waits', connection({ msSinceReceived: 5 }, { state: 'close-wait' }), true],
  ['a recent tie', connection({ msSinceReceived: 1400, msSinceSent: 1400 }), true],
  ['an old tie', connection({ msSinceReceived: 1600, msSinceSent: 1600 }), false],
  [
    'a new connection',
    connection({ bytesReceived: 0, bytesSent: 0, msSinceReceived: 9000, msSinceSent: 9000 }),
    true,
  ],
  [
    'a connection that has never been used',
    connection({ bytesReceived: 0, bytesSent: 0, msSinceReceived: 11_000, msSinceSent: 11_000 }),
    false,
  ],
  [
    'a server that spoke first',
    connection({ bytesReceived: 0, msSinceReceived: 100, msSinceSent: 90 }),
    false,
  ],
] as const) {
  test(`the owing rule says ${expected ? 'yes' : 'no'} to ${what}`, () => {
    assert.equal(owes(one), expected)
  })
}

test('the owing rule waits for more pieces of an answer, for less and less time', () => {
  const answered = connection({ msSinceReceived: 300, msSinceSent: 100 })
  assert.equal(owes(answered, 0), true)
  assert.equal(owes(answered, 1900), true)
  assert.equal(owes(answered, 2100), false)
})

test('the owing rule remembers what arrived between two looks', () => {
  const rule = owingRule(10_000, 0)
  const tie = { msSinceReceived: 1600, msSinceSent: 1600 }
  const later = connection({ ...tie, bytesReceived: 160 })
  assert.deepEqual(rule.judge([connection(tie)], 10_000).owing, [])
  assert.deepEqual(
    rule.judge([later], 10_020).owing,
    [later],
    'a request after the last answer, in the same jiffy',
  )
  assert.deepEqual(rule.judge([later], 10_040).owing, [later])
  const answered = connection({ ...tie, bytesReceived: 160, bytesSent: 400 })
  assert.deepEqual(rule.judge([answered], 10_060).owing, [])
})

test('the owing rule is certain of requests only', () => {
  const certain = (one: TcpSocket) => owingRule(10_000, 0).judge([one], 0).certain.length
  assert.equal(certain(connection({ msSinceReceived: 100, msSinceSent: 104 })), 1)
  assert.equal(certain(connection({ bytesSent: 0 })), 1)
  assert.equal(certain(connection({ msSinceReceived: 100, msSinceSent: 100 })), 0, 'a tie')
  assert.equal(certain(connection({ bytesReceived: 0, bytesSent: 0, msSinceReceived: 9, msSinceSent: 9 })), 0)
  assert.equal(certain(connection({ msSinceReceived: 60, msSinceSent: 50 })), 0, 'it was answered just now')
})

for (const [what, { bareAcks, ms, before }, expected] of [
  ['a tie whose request was not acknowledged by itself', { bareAcks: 1, ms: 100, before: 80 }, false],
  ['a tie whose request was acknowledged by itself', { bareAcks: 2, ms: 100, before: 80 }, true],
  ['a tie that is too recent for an acknowledgement', { bareAcks: 1, ms: 50, before: 80 }, true],
  ['a tie from before the first look', { bareAcks: 1, ms: 100, before: 160 }, true],
] as const) {
  test(`the owing rule says ${expected ? 'yes' : 'no'} to ${what}`, () => {
    const rule = owingRule(10_000, 0)
    rule.judge([connection({ bytesReceived: before })], 9900)
    const tie = { bytesReceived: 160, bytesSent: 400, msSinceReceived: ms, msSinceSent: ms, bareAcks }
    const later = connection(tie)
    assert.deepEqual(rule.judge([later], 10_000).owing, expected ? [later] : [])
    assert.deepEqual(rule.judge([later], 10_020).owing, expected ? [later] : [], 'also at the next look')
  })
}
