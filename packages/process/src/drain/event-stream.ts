import type { Connection } from '../connections/connection.js'
import { eventStreamOf } from '../connections/event-stream/watch.js'
import { Goodbyes } from './goodbyes.js'
import type { Protocol } from './protocol.js'

/** Ended after an event, with `retry:` so that the client waits before it reconnects. */
export const eventStream: Protocol = {
  owns: ({ exchanges, upgraded }) =>
    upgraded === null && exchanges.some(({ response }) => eventStreamOf(response) !== undefined),
  name: 'event stream',
  cut: ({ stream }) => void stream.destroy(),
  drain: (context) => new Goodbyes(context, eventStream.owns, end),
}

function end({ exchanges }: Connection, insisting: boolean): void {
  for (const { response } of exchanges) {
    const stream = eventStreamOf(response)
    if (insisting) stream?.finishNow(retryMs())
    else stream?.finish(retryMs())
  }
}

/**
 * Browsers wait 3 to 5 seconds by default, and keep the value that they are given. At least a second, so that a
 * server that is down for longer does not get requests all the time.
 */
const retryMs = (): number => 1000 + Math.random() * 2000
