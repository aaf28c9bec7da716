import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Subscribers } from '../dist/system/subscribers.js'

/** Subscribers that write their names into `calls`. */
function recorded() {
  const subscribers = new Subscribers()
  const calls: string[] = []
  const add = (name: string, also: () => void = () => {}) =>
    subscribers.subscribe(() => {
      calls.push(name)
      also()
    })
  return { subscribers, calls, add }
}

test('notify() calls every subscriber, in the order in which they subscribed', () => {
  const { subscribers, calls, add } = recorded()
  subscribers.notify()
  add('first')
  add('second')
  subscribers.notify()
  subscribers.notify()
  assert.deepEqual(calls, ['first', 'second', 'first', 'second'])
})

test('a subscriber is not called after its subscription has ended, and the others are', () => {
  const { subscribers, calls, add } = recorded()
  const end = add('first')
  add('second')
  end()
  end()
  subscribers.notify()
  assert.deepEqual(calls, ['second'])
})

test('subscriptions that begin or end during notify() count from the next call', () => {
  const { subscribers, calls, add } = recorded()
  let endSecond = () => {}
  const endFirst = add('first', () => {
    endFirst()
    endSecond()
    add('third')
  })
  endSecond = add('second')
  subscribers.notify()
  assert.deepEqual(calls, ['first', 'second'])
  subscribers.notify()
  assert.deepEqual(calls, ['first', 'second', 'third'])
})
