import assert from 'node:assert/strict'
import test from 'node:test'
import { failed, ok } from '../../dist/model/index.js'
import type { Instance, InstanceState } from '../../dist/model/index.js'
import type { OwnSockets } from '../../dist/engine/own-sockets.js'
import { ownSockets } from '../../dist/engine/own-sockets.js'
import { initialState } from '../../dist/rollout/index.js'
import type { GroupSocket, Listener, Sockets } from '../../dist/ports.js'

const socket = (inode: number): GroupSocket => ({ fd: inode, inode, route: () => null })

/** A group of sockets with these inodes from 1. `refusal`: why the kernel permits no second one. */
function groupFor(refusal?: string) {
  const group = [socket(1)]
  const waiting = new Map<number, number>()
  let steered: number[] = []
  const sockets = {
    group: () => group,
    waiting: () => waiting,
    steer: (_: Listener, among: GroupSocket[]) => void (steered = among.map(({ inode }) => inode)),
    join() {
      if (refusal) return failed('Refused', refusal)
      group.push(socket(group.length + 1))
      return ok(group[group.length - 1])
    },
  } as unknown as Sockets
  const listener = { name: 'http', fd: 1, inode: 1, address: '127.0.0.1:80' } as Listener
  return { own: ownSockets(sockets, listener), waiting, steered: () => steered }
}

const draining: InstanceState = {
  state: 'draining',
  since: 0,
  deadline: 0,
  reason: 'upgrade',
  accepting: true,
  killed: false,
  returns: false,
}
const crashed: InstanceState = {
  state: 'crashed',
  since: 0,
  restartAt: 0,
  exit: { code: 1, signal: null },
}
const ready: InstanceState = { state: 'ready', since: 0 }
const unready: InstanceState = { state: 'unready', since: 0, reason: '' }
const starting: InstanceState = { state: 'starting', since: 0 }
const hung = { code: 'ProbeFailed', message: '', output: [] } as Instance['failure']

type Now = Record<string, InstanceState & { failure?: Instance['failure'] }>

const stateOf = (instances: Now) => ({
  ...initialState('web'),
  instances: Object.entries(instances).map(([id, state]) => ({ failure: null, id, ...state }) as Instance),
})

const assign = (own: OwnSockets, id: string, now: Now, sharing: 'own' | 'as others' | 'shared' = 'own') =>
  own.assign(id, stateOf({ ...now, [id]: starting }), sharing).inode

test('new connections go to the ready instances', () => {
  const { own, steered } = groupFor()
  assert.deepEqual([assign(own, 'a', {}), assign(own, 'b', { a: ready })], [1, 2])
  const after = (now: Now) => {
    own.steer(stateOf(now))
    return steered()
  }
  assert.deepEqual(after({ a: starting, b: starting }), [1, 2])
  assert.deepEqual(after({ a: ready, b: starting }), [1])
  assert.deepEqual(after({ a: ready, b: unready }), [1])
  assert.deepEqual(after({ a: unready, b: unready }), [1, 2], 'all are unready')
  assert.deepEqual(after({ a: ready, b: crashed }), [1])
  assert.deepEqual(after({ a: crashed, b: draining }), [1], 'it is restarted with its socket')
  assert.deepEqual(after({ a: { ...ready, failure: hung }, b: ready }), [2])
  assert.deepEqual(own.leaving('a')?.inode, 1)
  assert.deepEqual(own.leaving('b'), null)
})

test('the next instance gets the socket where connections wait for a process', () => {
  const { own, waiting, steered } = groupFor()
  for (const id of ['a', 'b', 'c']) assign(own, id, { a: ready, b: ready })
  own.steer(stateOf({ a: ready, b: ready, c: ready }))
  waiting.set(3, 4)
  assert.equal(assign(own, 'd', { a: ready, b: ready, c: ready }), 4, 'no socket of a ready one')
  assert.equal(assign(own, 'e', { a: ready, b: ready, c: crashed, d: ready }), 3)
  assert.equal(assign(own, 'c', { a: ready, b: ready, d: ready, e: starting }), 5, 'it is restarted')
  waiting.clear()
  own.steer(stateOf({ c: ready }))
  waiting.set(4, 1)
  assert.equal(assign(own, 'f', { c: ready }), 4)
  own.steer(stateOf({}))
  assert.equal(steered().length, 1, 'what arrives now waits at one of them')
  const [parked] = steered()
  waiting.clear()
  assert.equal(assign(own, 'g', {}), parked)
})

test('a shared socket gets no connections while a program that accepts from it drains', () => {
  const { own, steered } = groupFor()
  assign(own, 'a', {}, 'shared')
  assign(own, 'b', { a: ready }, 'shared')
  assert.equal(own.leaving('a'), null)
  assert.equal(assign(own, 'c', { a: ready, b: ready }), 2)
  own.steer(stateOf({ a: ready, b: ready, c: ready }))
  assert.deepEqual(steered(), [1, 2])
  own.steer(stateOf({ a: draining, b: ready, c: ready }))
  assert.deepEqual(steered(), [2])
  assert.equal(own.leaving('a')?.inode, 1)
})

test('instances share the socket where the kernel refuses another one', () => {
  const { own } = groupFor('not permitted')
  assert.equal(assign(own, 'a', {}), 1)
  assert.equal(assign(own, 'b', { a: ready }), 1)
  assert.equal(own.refusal('b'), 'not permitted')
  own.steer(stateOf({ a: draining, b: ready }))
  assert.equal(own.leaving('a'), null, 'it is told at once')
})

test('instances with the library have sockets of their own only if others have', () => {
  const { own } = groupFor()
  assert.equal(assign(own, 'a', {}, 'as others'), 1)
  assert.deepEqual(own.members(), [])
  assert.equal(assign(own, 'b', { a: ready }), 2)
  assert.equal(assign(own, 'c', { a: ready, b: ready }, 'as others'), 3)
  own.steer(stateOf({ a: draining, b: ready, c: ready }))
  assert.equal(own.leaving('a')?.inode, 1, 'its queue must be empty first')
})

test('connections that arrive while all instances drain wait for the next one', () => {
  const { own, steered } = groupFor()
  assign(own, 'a', {})
  assign(own, 'b', { a: ready })
  own.steer(stateOf({ a: draining, b: draining }))
  assert.deepEqual(steered(), [3])
  assert.deepEqual([own.leaving('a')?.inode, own.leaving('b')?.inode], [1, 2])
  assert.equal(assign(own, 'c', { b: draining }), 3)
})
