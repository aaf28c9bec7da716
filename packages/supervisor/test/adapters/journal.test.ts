import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import test from 'node:test'
import { openJournal } from '../../dist/adapters/index.js'
import type { Event } from '../../dist/model/index.js'
import type { Journal } from '../../dist/ports.js'
import { defer, folderFor } from './rig.js'

const event = (at: number): Event => ({
  service: 'web',
  at,
  type: 'InstanceBecameReady',
  instance: `web-${at}`,
})
const line = (at: number): string => JSON.stringify(event(at)) + '\n'

function journalFor(t: TestContext, path: string, reserveFolders: string[] = []) {
  const journal = openJournal(path, reserveFolders)
  if (!journal.ok) return assert.fail(journal.failure.message)
  defer(t, () => journal.value.close())
  return journal.value
}

function eventsOf(journal: Journal): Event[] {
  const events = journal.read()
  return events.ok ? events.value : assert.fail(events.failure.message)
}

test('append() adds lines that are read when the journal is opened again', (t) => {
  const path = join(folderFor(t), 'journal')
  const journal = journalFor(t, path)
  assert.deepEqual(eventsOf(journal), [])
  journal.append([event(1), event(2)])
  journal.append([])
  journal.append([event(3)])
  assert.deepEqual(eventsOf(journalFor(t, path)), [event(1), event(2), event(3)])
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

for (const [what, torn] of [
  ['a half line', line(3).slice(0, 20)],
  ['a whole line without its end', line(3).trimEnd()],
  ['a block of zeroes', '\0'.repeat(512)],
  ['a last line of garbage', 'garbage\n'],
] as const) {
  test(`openJournal() cuts off ${what} and appends after the last complete event`, (t) => {
    const path = join(folderFor(t), 'journal')
    writeFileSync(path, line(1) + line(2) + torn)
    const journal = journalFor(t, path)
    assert.deepEqual(eventsOf(journal), [event(1), event(2)])
    journal.append([event(4)])
    assert.equal(readFileSync(path, 'utf8'), line(1) + line(2) + line(4))
  })
}

test('openJournal() fails with file and line when there is garbage in the middle', (t) => {
  const path = join(folderFor(t), 'journal')
  for (const garbage of ['garbage', '{}', 'null', '']) {
    const content = `${line(1)}${garbage}\n${line(3)}`
    writeFileSync(path, content)
    const journal = openJournal(path)
    assert.ok(!journal.ok)
    assert.equal(
      journal.failure.message,
      `line 2 of the journal "${path}" is not an event; move the file away to start without a history`,
    )
    assert.equal(readFileSync(path, 'utf8'), content, 'the file is unchanged')
  }
})

test('openJournal() fails with a message when its folder is missing', (t) => {
  const path = join(folderFor(t), 'no/journal')
  const journal = openJournal(path)
  assert.ok(!journal.ok)
  assert.equal(
    journal.failure.message,
    `the journal "${path}" cannot be opened: no such file or directory (ENOENT)`,
  )
})

test('rewrite() replaces everything, and append() writes after it', (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'journal')
  const journal = journalFor(t, path)
  journal.append([event(1), event(2), event(3)])
  const { ino } = statSync(path)
  journal.rewrite([event(3)])
  assert.notEqual(statSync(path).ino, ino)
  journal.append([event(4)])
  assert.deepEqual(eventsOf(journal), [event(3), event(4)])
  assert.deepEqual(readdirSync(folder), ['journal'])
})

test('overgrown is true when the journal is longer than a mebibyte, until it is rewritten', (t) => {
  const journal = journalFor(t, join(folderFor(t), 'journal'))
  const some = Array.from({ length: 1000 }, (_, i) => event(i))
  while (!journal.overgrown) journal.append(some)
  assert.ok(
    Buffer.byteLength(
      eventsOf(journal)
        .map((event) => JSON.stringify(event) + '\n')
        .join(''),
    ) >
      2 ** 20,
  )
  journal.rewrite([event(1)])
  assert.equal(journal.overgrown, false)
})

test('rewrite() replaces a temporary file that an earlier crash left', (t) => {
  const path = join(folderFor(t), 'journal')
  appendFileSync(`${path}.new`, 'x'.repeat(10_000))
  const journal = journalFor(t, path)
  journal.rewrite([event(1)])
  assert.equal(readFileSync(path, 'utf8'), line(1))
})

test('append() creates the journal again, with everything that was in it, when its folder was removed', (t) => {
  const folder = join(folderFor(t), 'state')
  mkdirSync(folder)
  const path = join(folder, 'journal')
  const journal = journalFor(t, path)
  journal.append([event(1), event(2)])
  rmSync(folder, { recursive: true })
  assert.deepEqual(journal.append([event(3)]), { ok: true, value: true })
  assert.equal(readFileSync(path, 'utf8'), line(1) + line(2) + line(3))
  rmSync(path)
  assert.deepEqual(journal.append([]), { ok: true, value: true })
  assert.equal(readFileSync(path, 'utf8'), line(1) + line(2) + line(3))
})

test('append() fails with a sentence when the folder cannot be created again, and succeeds once it can', (t) => {
  const folder = join(folderFor(t), 'state')
  mkdirSync(folder)
  const path = join(folder, 'journal')
  const journal = journalFor(t, path)
  journal.append([event(1)])
  rmSync(folder, { recursive: true })
  writeFileSync(folder, 'a file in its place')
  const refused = journal.append([event(2)])
  assert.ok(!refused.ok)
  assert.match(refused.failure.message, /^the journal ".*" cannot be written: not a directory \(ENOTDIR\)$/)
  assert.ok(!journal.rewrite([event(2)]).ok)
  rmSync(folder)
  assert.ok(journal.append([event(2)]).ok)
  assert.deepEqual(eventsOf(journalFor(t, path)), [event(1), event(2)])
})

test('keep() leaves events to the next supervisor until the journal can be written again', (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'journal')
  const open = () => journalFor(t, path, [folder])
  const first = open()
  const reserve = ['journal.reserve-1', 'journal.reserve-2'].map((name) => join(folder, name))
  assert.deepEqual(
    reserve.map((file) => statSync(file).size),
    [2 ** 18, 2 ** 18],
    'their blocks are allocated in advance',
  )
  first.append([event(1)])
  first.keep({ replacement: null, events: [event(2)] })
  first.keep({ replacement: null, events: [event(2), event(3)] })
  assert.deepEqual(eventsOf(open()), [1, 2, 3].map(event))
  for (const [index, left] of [2, 3].entries()) {
    const file = reserve[index] ?? ''
    const whole = readFileSync(file)
    writeFileSync(file, Buffer.concat([whole.subarray(0, 150), Buffer.from('torn'), whole.subarray(154)]))
    assert.equal(eventsOf(open()).length, left, 'a file that was not written completely does not count')
    writeFileSync(file, whole)
  }
  const next = open()
  next.keep({ replacement: [event(3)], events: [event(4)] })
  assert.deepEqual(eventsOf(open()), [event(3), event(4)])
  next.append([event(5)])
  assert.deepEqual(eventsOf(open()), [event(1), event(5)], 'what was kept is over')
  assert.equal(next.hasKept, false)
  assert.equal(statSync(join(folder, 'journal.reserve-1')).size, 2 ** 18)
})

test('keep() uses the next folder when the files of the first cannot be written', (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'journal')
  for (const name of ['journal.reserve-1', 'journal.reserve-2']) mkdirSync(join(folder, name))
  mkdirSync(join(folder, 'other'))
  const open = () => journalFor(t, path, [folder, join(folder, 'other')])
  open().keep({ replacement: null, events: [event(1)] })
  assert.deepEqual(eventsOf(open()), [event(1)])
})
