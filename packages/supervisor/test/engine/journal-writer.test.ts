import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FakeMachine } from '@handover/testkit'
import { fakeMachine } from '@handover/testkit'
import { journalWriter } from '../../dist/engine/journal-writer.js'
import type { Event } from '../../dist/model/index.js'
import { failed, ok } from '../../dist/model/index.js'

const event = (at: number): Event => ({
  service: 'web',
  at,
  type: 'InstanceBecameReady',
  instance: `web-${at}`,
})
const full = failed('Refused', 'the journal "j" cannot be written: no space left on device (ENOSPC)')

function open(machine: FakeMachine) {
  const lines: string[] = []
  return { journal: journalWriter(machine, (line) => lines.push(line)), lines }
}

test('append() keeps events in memory while the journal cannot be written, and writes them in order later', () => {
  const machine = fakeMachine()
  const { journal, lines } = open(machine)
  journal.append([event(1)])
  assert.equal(journal.backlog(), null)
  machine.journalRefusal = full
  journal.append([event(2), event(3)])
  machine.clock.advance(30_000)
  journal.append([event(4)])
  assert.deepEqual(machine.journaled, [event(1)])
  const since = machine.clock.now() - 30_000
  assert.deepEqual(journal.backlog(), { since, reason: full.failure.message, events: 3 })
  machine.journalRefusal = null
  machine.clock.advance(1000)
  journal.append([event(5)])
  assert.deepEqual(machine.journaled, [1, 2, 3, 4, 5].map(event))
  assert.equal(journal.backlog(), null)
  assert.deepEqual(lines, [
    `${full.failure.message}; services and upgrades continue, and events are kept in memory until it can be written again`,
    'the journal is complete again: 3 events of the last 31.0 s caught up',
  ])
})

test('rewrite() replaces what is in memory while the journal cannot be written', () => {
  const machine = fakeMachine()
  const { journal } = open(machine)
  journal.append([event(1)])
  machine.journalRefusal = full
  for (let at = 2; at < 2100; at++) journal.append([event(at)])
  assert.equal(journal.overgrown, true, 'memory is not used without limit')
  journal.rewrite([event(3000)])
  assert.equal(journal.overgrown, false)
  journal.append([event(3001)])
  machine.journalRefusal = null
  machine.clock.advance(1000)
  assert.deepEqual(machine.journaled, [event(3000), event(3001)])
})

test('rewrite() leaves a journal that cannot be shortened as it is, and is not due again at once', () => {
  const machine = fakeMachine([event(1)])
  const { journal, lines } = open(machine)
  machine.overgrown = true
  machine.journalRefusal = full
  journal.rewrite([event(2)])
  assert.equal(journal.overgrown, false)
  machine.journalRefusal = null
  journal.append([event(3)])
  assert.deepEqual(machine.journaled, [event(1), event(3)])
  machine.clock.advance(60_000)
  assert.equal(journal.overgrown, true)
  assert.deepEqual(lines, [])
})

test('a supervisor that is killed leaves what it could not write to the next', () => {
  const machine = fakeMachine()
  const { journal } = open(machine)
  journal.append([event(1)])
  machine.journalRefusal = full
  journal.append([event(2)])
  journal.append([event(3)])
  assert.deepEqual(machine.journal.read(), ok([1, 2, 3].map(event)))
  const next = open(machine)
  next.journal.rewrite([event(4)])
  next.journal.append([event(5)])
  assert.equal(next.journal.backlog()?.events, 2, 'the journal alone would be older')
  assert.deepEqual(machine.journal.read(), ok([event(4), event(5)]))
  machine.journalRefusal = null
  machine.clock.advance(1000)
  assert.deepEqual([machine.journaled, machine.kept], [[event(4), event(5)], null])
})

test('close() makes a last attempt, and names how many events are lost', () => {
  const machine = fakeMachine()
  const { journal, lines } = open(machine)
  machine.journalRefusal = full
  journal.append([event(1)])
  journal.close()
  assert.equal(lines.at(-1), `${full.failure.message}; 1 event will not be in it`)
  assert.equal(machine.log.at(-1), 'journal closed')
  const second = open(machine)
  second.journal.append([event(1)])
  machine.journalRefusal = null
  second.journal.close()
  assert.deepEqual(machine.journaled, [event(1)])
})
