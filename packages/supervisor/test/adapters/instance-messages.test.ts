import assert from 'node:assert/strict'
import test from 'node:test'
import type { ConnectionAccount } from '../../dist/model/index.js'
import { parseInstanceMessage } from '../../dist/adapters/processes/instance-message.js'
import { parseNotify } from '../../dist/adapters/processes/notify-message.js'
import { openWatchdog } from '../../dist/adapters/processes/watchdog.js'
import { libraryProcesses } from '../../dist/adapters/processes/library-processes.js'

const nothing = {
  ready: false,
  stopping: false,
  watchdog: false,
  trigger: false,
  invalid: [],
}

test('parseNotify() reads every assignment that the supervisor handles', () => {
  const text = 'READY=1\nSTATUS=all is well = fine\nWATCHDOG=1\nWATCHDOG_USEC=2000000\nSTOPPING=1\n'
  assert.deepEqual(parseNotify(Buffer.from(text)), {
    ready: true,
    stopping: true,
    watchdog: true,
    trigger: false,
    watchdogMicroseconds: 2_000_000,
    status: 'all is well = fine',
    invalid: [],
  })
})

test('parseNotify() ignores names that the supervisor does not handle', () => {
  for (const name of [
    'X_OURS',
    'MONOTONIC_USEC',
    'RELOADING',
    'MAINPID',
    'ERRNO',
    'EXTEND_TIMEOUT_USEC',
    'BARRIER',
  ])
    assert.deepEqual(parseNotify(Buffer.from(`${name}=1`)), nothing, name)
})

test('parseNotify() reports malformed lines, and reads the others', () => {
  const { ready, invalid } = parseNotify(Buffer.from('READY=1\nhello\n=x\nWATCHDOG_USEC=me\nSTOPPING=yes'))
  assert.equal(ready, true)
  assert.deepEqual(invalid, ['hello', '=x', 'WATCHDOG_USEC=me', 'STOPPING=yes'])
  assert.deepEqual(parseNotify(Buffer.from([0xff, 0xfe])), {
    ...nothing,
    invalid: ['bytes that are not UTF-8'],
  })
  assert.deepEqual(parseNotify(Buffer.alloc(0)), nothing)
})

test('parseNotify() shortens a status that is too long', () => {
  assert.equal(parseNotify(Buffer.from('STATUS=' + 'x'.repeat(10_000))).status?.length, 4096)
})

const account = (accepted: number): ConnectionAccount => ({
  accepted,
  adopted: 0,
  answered: 0,
  endedByPeer: 0,
  endedOrderly: 0,
  endedAtDeadline: 0,
  handedOver: 0,
  open: 0,
  active: 0,
})

test('parseInstanceMessage() accepts only names of listeners that LISTEN_FDNAMES can hold', () => {
  const parse = (name: string, fd: unknown = 3) =>
    parseInstanceMessage(JSON.stringify({ type: 'bound', listeners: [{ name, fd }] })).kind
  for (const name of ['http', 'tcp-9090', 'unix-web.sock']) assert.equal(parse(name), 'message', name)
  for (const name of ['', 'a:b', 'a b', '.a', 'x'.repeat(64)]) assert.equal(parse(name), 'malformed', name)
  for (const fd of [-1, '3', null]) assert.equal(parse('http', fd), 'malformed')
})

test('parseInstanceMessage() distinguishes messages, unknown messages and malformed ones', () => {
  assert.deepEqual(parseInstanceMessage('{"type":"ready","more":1}'), {
    kind: 'message',
    message: { type: 'ready', more: 1 },
  })
  assert.deepEqual(parseInstanceMessage('{"type":"toString"}'), { kind: 'unknown', type: 'toString' })
  assert.equal(parseInstanceMessage(JSON.stringify({ type: 'account', account: account(1) })).kind, 'message')
  for (const line of ['', '{', '1', 'null', '[]', '{"type":1}', '{"type":"account","account":{"open":1}}']) {
    assert.equal(parseInstanceMessage(line).kind, 'malformed', line)
  }
  const negative = parseInstanceMessage(JSON.stringify({ type: 'account', account: account(-1) }))
  assert.deepEqual(negative, { kind: 'malformed', reason: '"account" has no valid "account"' })
})

const hello = (pid: number) => ({ type: 'hello', version: 1, pid, library: '1', mode: 'register' }) as const

test('libraryProcesses() has stopped accepting when every connected process has', () => {
  const library = libraryProcesses()
  const [primary, worker] = [{}, {}]
  library.message(primary, hello(1))
  library.message(worker, hello(2))
  library.message(primary, { type: 'draining', account: account(1) })
  assert.equal(library.stoppedAccepting(), false)
  library.message(worker, { type: 'draining', account: account(2) })
  assert.equal(library.stoppedAccepting(), true)
  assert.equal(library.account()?.accepted, 3)
})

test('parseInstanceMessage() reads the counts of UDP sockets, and refuses one that is not a number', () => {
  const kindOf = (datagramsReceived: unknown) =>
    parseInstanceMessage(JSON.stringify({ type: 'account', account: { ...account(1), datagramsReceived } }))
      .kind
  assert.equal(kindOf(5), 'message')
  assert.equal(kindOf('5'), 'malformed')
})

test('libraryProcesses() adds up the counts of UDP sockets, and takes the slowest of several processes', () => {
  const library = libraryProcesses()
  const figures = [
    { datagramsReceived: 3, datagramsSent: 2, slowestMs: 40 },
    { datagramsReceived: 4, datagramsSent: 4, slowestMs: 30 },
  ]
  figures.forEach((more, index) => {
    const process = {}
    library.message(process, hello(index))
    library.message(process, { type: 'account', account: { ...account(1), ...more } })
  })
  assert.deepEqual(library.account(), {
    ...account(2),
    datagramsReceived: 7,
    datagramsSent: 6,
    slowestMs: 40,
  })
})

test('libraryProcesses() counts a disconnected process as done, unless all have disconnected', () => {
  const library = libraryProcesses()
  const [primary, worker] = [{}, {}]
  library.message(primary, hello(1))
  library.message(worker, hello(2))
  library.disconnected(worker)
  assert.equal(library.stoppedAccepting(), false)
  library.message(primary, { type: 'drained', account: account(1), cut: ['GET /'], seconds: 1 })
  assert.equal(library.stoppedAccepting(), true)
  assert.deepEqual(library.drained(), ['GET /'])
})

test('libraryProcesses() recognizes a process that reconnects', () => {
  const library = libraryProcesses()
  const [before, after] = [{}, {}]
  library.message(before, hello(1))
  library.message(before, { type: 'account', account: account(5) })
  library.message(after, hello(1))
  library.disconnected(before)
  library.message(after, { type: 'draining', account: account(6) })
  assert.equal(library.account()?.accepted, 6)
  assert.equal(library.stoppedAccepting(), true)
})

test('openWatchdog() calls back when a keep-alive ping is missed, and at WATCHDOG=trigger', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const reasons: string[] = []
  const watchdog = openWatchdog((reason) => reasons.push(reason))
  const say = (text: string) => watchdog.message(parseNotify(Buffer.from(text)))
  say('WATCHDOG=1') // no watchdog is configured yet
  t.mock.timers.tick(3_600_000)
  say('WATCHDOG_USEC=2000000')
  for (let times = 0; times < 5; times++) {
    t.mock.timers.tick(1900)
    say('WATCHDOG=1')
  }
  assert.deepEqual(reasons, [])
  t.mock.timers.tick(2000)
  assert.deepEqual(reasons.splice(0), ['no WATCHDOG=1 within 2 s'])
  say('WATCHDOG=trigger')
  assert.deepEqual(reasons.splice(0), ['it sent WATCHDOG=trigger'])
  say('WATCHDOG_USEC=0')
  t.mock.timers.tick(3_600_000)
  say('WATCHDOG_USEC=1000000')
  watchdog.stop()
  say('WATCHDOG=1')
  t.mock.timers.tick(3_600_000)
  assert.deepEqual(reasons, [])
})
