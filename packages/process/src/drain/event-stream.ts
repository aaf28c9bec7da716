import { markCut, startClosing, type Connection } from '../connections/connection.js'
import { eventStreamOf } from '../connections/event-stream/watch.js'
import { lingeringClose } from './closing.js'
import { Goodbyes } from './goodbyes.js'
import type { DrainContext, Protocol } from './protocol.js'

/** Ended after an event, with `retry:` so that the client waits before it reconnects. */
export const eventStream: Protocol = {
  owns: ({ exchanges, upgraded }) =>
    upgraded === null && exchanges.some(({ response }) => eventStreamOf(response) !== undefined),
  name: 'event stream',
  cut: ({ stream }) => void stream.destroy(),
  drain: (context) =>
    new Goodbyes(context, eventStream.owns, (connection, insisting) =>
      insisting ? endNow(connection, context) : end(connection),
    ),
}

function end({ exchanges }: Connection): void {
  for (const { response } of exchanges) eventStreamOf(response)?.finish(retryMs())
}

/** A stream that ends inside an event is reported as cut, although its response ends properly. */
function endNow(connection: Connection, { reportCut }: DrainContext): void {
  for (const exchange of [...connection.exchanges]) {
    if (eventStreamOf(exchange.response)?.finishNow(retryMs()) !== true) continue
    reportCut(exchange)
    markCut(connection)
    startClosing(connection)
    lingeringClose(connection.stream)
  }
}

/**
 * Browsers wait 3 to 5 seconds by default, and keep the value that they are given. At least a second, so that a
 * server that is down for longer does not get requests all the time.
 */
const retryMs = (): number => 1000 + Math.random() * 2000
