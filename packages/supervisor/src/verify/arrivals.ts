import { RecordedConnection, type LoadContext } from './recorded-connection.js'
import type { RequestTemplate } from './request.js'
import type { Tally } from './tally.js'

/**
 * Opens connections at a fixed rate and sends one request on each. It does not wait for earlier answers (an open
 * loop), as independent clients do not. If this program is late, it catches up at once.
 */
export function startArrivals(
  context: LoadContext,
  tally: Tally,
  perSecond: number,
  template: RequestTemplate,
): () => void {
  const startedAt = performance.now()
  let arrived = 0
  let timer: NodeJS.Timeout
  const arrive = () => {
    const due = Math.floor(((performance.now() - startedAt) / 1000) * perSecond)
    for (; arrived < due; arrived++) new RecordedConnection(context, tally, template, {}).send([template])
    const nextAt = startedAt + ((arrived + 1) / perSecond) * 1000
    timer = setTimeout(arrive, nextAt - performance.now())
  }
  timer = setTimeout(arrive, 1000 / perSecond)
  return () => clearTimeout(timer)
}
