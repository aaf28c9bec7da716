import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventBody } from '../../dist/model/index.js'
import { explain, initialState, reduce } from '../../dist/rollout/index.js'

/** What is said of web-1, which has become unready, and was started like this. */
function unreadyFor(started: { steered?: true }, isOtherReady: boolean): string[] {
  const events: EventBody[] = ['web-1', 'web-2'].flatMap((instance): EventBody[] => [
    { type: 'InstanceStarting', instance, revision: 1, restarts: 0 },
    { type: 'InstanceStarted', instance, pid: 1, startTime: '1', ...started },
  ])
  if (isOtherReady) events.push({ type: 'InstanceBecameReady', instance: 'web-2' })
  events.push({ type: 'InstanceBecameReady', instance: 'web-1' })
  events.push({ type: 'InstanceBecameUnready', instance: 'web-1', reason: 'GET / answered 503' })
  const state = events.reduce(
    (before, event) => reduce(before, { ...event, at: 0, service: 'web' }),
    initialState('web'),
  )
  return explain(state, 1000).filter((line) => line.startsWith('web-1'))
}

const sentence = 'web-1 of revision 1 has not been ready for 1 s: GET / answered 503; '

test('explain() says that an unready instance with its own sockets gets no new connections', () => {
  assert.deepEqual(unreadyFor({ steered: true }, true), [
    `${sentence}it gets no new connections while another instance is ready`,
  ])
})

test('explain() says that an unready instance accepts new connections if no instance is ready', () => {
  assert.deepEqual(unreadyFor({ steered: true }, false), [
    `${sentence}no instance is ready, so it accepts new connections`,
  ])
})

test('explain() does not claim to know whether an unready instance that shares its sockets accepts', () => {
  assert.deepEqual(unreadyFor({}, true), [`${sentence}it may still accept new connections`])
})
