import assert from 'node:assert/strict'
import test from 'node:test'
import { Answer, type Expected } from '../../dist/verify/answer.js'
import { serverEnds } from '../../dist/verify/accepted-by.js'
import { parseIdentify, type Identify } from '../../dist/verify/index.js'
import { Timeline } from '../../dist/verify/timeline.js'
import { Versions } from '../../dist/verify/versions.js'

const head = (status: number, headers: Record<string, string> = {}) => ({
  status,
  headers: new Map(Object.entries(headers)),
  persistent: true,
})

function finish(expected: Expected, status: number, pieces: string[], identify: Identify | null = null) {
  const answer = new Answer(expected, identify)
  answer.begin(head(status))
  for (const piece of pieces) answer.read(Buffer.from(piece))
  return answer.finish()
}

function identifyBy(text: string): Identify {
  const identify = parseIdentify(text)
  assert.ok(identify.ok)
  return identify.value
}

const exact = (body: string): Expected => ({ type: 'exact', status: 200, body: Buffer.from(body) })

void test('finish() is null when status and body are equal, in whatever pieces', () => {
  assert.equal(finish(exact('hello world'), 200, ['hello', '', ' ', 'world']), null)
  assert.equal(finish({ type: 'class', statusClass: 2 }, 204, ['anything']), null)
  assert.equal(finish({ type: 'class', statusClass: null }, 404, []), null)
})

void test('finish() says where an answer differs when it does', () => {
  const cases: [Expected, number, string[], RegExp][] = [
    [exact('hello'), 201, ['hello'], /status is 201, wanted 200/],
    [exact('hello world'), 200, ['hello ', 'wurld'], /from byte 7 on the body is "urld", wanted "orld"/],
    [exact('hello'), 200, ['hel'], /has 3 bytes, wanted 5/],
    [exact('hello'), 200, ['hello', '!'], /longer, wanted 5 bytes/],
    [{ type: 'class', statusClass: 2 }, 302, [], /status is 302, wanted 2xx/],
    [{ type: 'class', statusClass: null }, 503, [], /status is 503, wanted one below 500/],
  ]
  for (const [expected, status, pieces, reason] of cases) {
    assert.match(finish(expected, status, pieces) ?? 'nothing', reason)
  }
})

void test('finish() leaves the version out when it is identified by the body', () => {
  const identify = identifyBy('body:rev (\\d+)')
  assert.equal(finish(exact('rev 1, port 3100'), 200, ['rev ', '12, port 3100'], identify), null)
  assert.match(
    finish(exact('rev 1, port 3100'), 200, ['rev 2, port 3200'], identify) ?? '',
    /body is "rev 2, port 3200"/,
  )
})

void test('parseIdentify() reads headers and bodies, and refuses the rest', () => {
  assert.equal(identifyBy('header:X-Version').version(head(200, { 'x-version': 'v2' }), '')?.version, 'v2')
  assert.equal(identifyBy('header:X-Version').version(head(200), ''), null)
  assert.equal(identifyBy('body:"pid":(\\d+)').version(head(200), '{"pid":42}')?.version, '42')
  assert.equal(identifyBy('body:v\\d').version(head(200), 'it is v3')?.version, 'v3')
  for (const wrong of ['x-version', 'header:', 'header:a b', 'body:', 'body:(']) {
    const result = parseIdentify(wrong)
    assert.ok(!result.ok && result.failure.code === 'Usage', wrong)
  }
})

void test('answer() is stale when the version is from before the last upgrade done before the connection', () => {
  const timeline = new Timeline()
  const versions = new Versions(timeline)
  assert.equal(versions.answer('a', 0), false)
  timeline.markStart(1, 0)
  assert.equal(versions.answer('a', 0), false)
  assert.equal(versions.answer('b', 0), false)
  timeline.markEnd(1, 10, true)
  assert.equal(versions.answer('a', 0), false, 'a connection from before may still be with the old version')
  assert.equal(versions.answer('a', timeline.done), true)
  assert.equal(versions.answer('b', timeline.done), false)
  timeline.markStart(2, 20)
  timeline.markEnd(2, 30, false)
  assert.equal(versions.answer('b', timeline.done), false, 'an upgrade that failed makes nothing old')
})

void test('upgradedSince() is true when an upgrade overlaps, however short', () => {
  const timeline = new Timeline()
  assert.equal(timeline.upgradedSince(0), false)
  timeline.markStart(1, 10)
  assert.equal(timeline.upgradedSince(15), true, 'it still goes on')
  timeline.markEnd(1, 20, true)
  assert.equal(timeline.upgradedSince(5), true)
  assert.equal(timeline.upgradedSince(21), false)
})

void test('serverEnds() finds the rows of the server when the table is of the kernel', () => {
  const row = (local: string, remote: string, inode: string) =>
    `   0: ${local} ${remote} 01 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0\n`
  const v4 = { address: '127.0.0.1', port: 0xd431 }
  const v6 = { address: '2001:db8::1', port: 0xd432 }
  const table =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n' +
    row('0100007F:D431', '0100007F:0BB8', '11') + // the client's own end
    row('0100007F:0BB8', '0100007F:D431', '12') +
    row('0100007F:0BB8', '0200007F:D431', '13') + // the same port of another address
    row('0100007F:0BB9', '0100007F:D431', '14') + // another server
    row('0000000000000000FFFF00000100007F:0BB8', '0000000000000000FFFF00000100007F:D431', '15') +
    row('B80D0120000000000000000001000000:0BB8', 'B80D0120000000000000000001000000:D432', '16') +
    row('0100007F:0BB8', '0100007F:D433', '0') // not accepted yet
  const found = serverEnds(table, [v4, v6, { address: '127.0.0.1', port: 0xd433 }], 3000)
  assert.deepEqual(found, [
    [v4, '12'],
    [v4, '15'],
    [v6, '16'],
  ])
})
