import type { ServerResponse } from 'node:http'
import { Interception } from '../../node/write-interception.js'
import { EventBoundary } from './boundary.js'

/** A response that is a stream of server-sent events. It observes what the application writes. */
export class EventStream {
  readonly #interception: Interception
  readonly #boundary = new EventBoundary()
  #phase: 'open' | 'ended' = 'open'
  #ending: (() => void) | null = null

  constructor(response: ServerResponse) {
    this.#interception = new Interception(response, {
      judge: (bytes) => {
        if (this.#phase === 'ended') return 'drop'
        this.#boundary.push(bytes)
        return 'pass'
      },
      passed: () => this.#ending?.(),
    })
  }

  /**
   * Ends the response after the event that is being written, and asks the client to reconnect after `retryMs`
   * milliseconds (`retry:`). What the application writes afterwards is dropped.
   */
  finish(retryMs: number): void {
    if (this.#phase === 'ended') return
    this.#ending = null
    if (this.#boundary.reached) this.#end(`retry: ${Math.round(retryMs)}\n\n`)
    else this.#ending = () => this.finish(retryMs)
  }

  /**
   * Ends it at once, and returns whether that was inside an event. A client drops an event that is not complete (HTML,
   * 9.2.6).
   */
  finishNow(retryMs: number): boolean {
    this.finish(retryMs)
    if (this.#phase === 'ended') return false
    this.#end('')
    return true
  }

  #end(last: string): void {
    this.#ending = null
    this.#phase = 'ended'
    if (last !== '') this.#interception.write(Buffer.from(last))
    this.#interception.end()
  }
}
