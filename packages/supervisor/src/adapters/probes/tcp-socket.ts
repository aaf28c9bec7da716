import type { ProbeHandler } from '../../model/index.js'
import type { Outcome, TryContext } from './outcome.js'
import { healthy, unhealthy } from './outcome.js'
import { reach } from './reach.js'

export async function tcpSocketProbe(
  { port, host }: Extract<ProbeHandler, { type: 'tcpSocket' }>,
  context: TryContext,
): Promise<Outcome> {
  const reached = await reach(port, host, context)
  if (!reached.ok) return unhealthy(reached.reason)
  reached.socket.end()
  reached.socket.destroySoon()
  return healthy(`${reached.where} accepts connections${reached.note}`)
}
