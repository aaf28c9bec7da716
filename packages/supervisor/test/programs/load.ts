import { setMaxListeners } from 'node:events'
import { setTimeout as later } from 'node:timers/promises'
import { Lost, Wire } from './wire.js'

/** What the clients of a program do. Each rejects with `Lost` if the answer is not whole and right. */
export interface Protocol {
  /** All that a client does on a connection of its own, up to its end. `turn` counts from 0. */
  whole(wire: Wire, turn: number): Promise<void>
  /** What it sends once on a connection that it keeps. */
  greet?(wire: Wire): Promise<void>
  /** A request on a connection that it keeps. Gives false if the server announced that it closes it. */
  ask(wire: Wire, turn: number): Promise<boolean>
}

export interface Rates {
  /** Clients that connect for what `whole` does, in a second. */
  newPerSecond: number
  /** Clients that keep their connection, with pauses of up to `pauseMs` between two requests. */
  kept: number
  pauseMs: number
}

export interface Figures {
  /** Whole sessions on connections of their own. */
  connections: number
  /** Requests on kept connections. */
  keptRequests: number
  /** Everything that was lost, except what is below. */
  failed: string[]
  /** Kept connections that the server announced to close, and closed behind their answer. */
  announced: number
  /** Kept connections that the server closed while they were idle. */
  closedIdle: number
  /** Those of `closedIdle` whose close crossed with the next request of the client. */
  crossed: number
}

export interface Load {
  readonly figures: Figures
  /** Ends it: what is under way is waited for. */
  stop(): Promise<Figures>
}

/** Clients that repeat nothing, until it is stopped. New ones connect on time, whatever became of earlier ones. */
export function startLoad(port: number, protocol: Protocol, rates: Rates): Load {
  const figures: Figures = {
    connections: 0,
    keptRequests: 0,
    failed: [],
    announced: 0,
    closedIdle: 0,
    crossed: 0,
  }
  const stopped = new AbortController()
  setMaxListeners(0, stopped.signal) // each client waits for it
  const running = { protocol, port, figures, rates, signal: stopped.signal }
  const kept = Array.from({ length: rates.kept }, () => keepAsking(running))
  const all = Promise.all([connectAgainAndAgain(running), ...kept])
  return {
    figures,
    async stop() {
      stopped.abort()
      await all
      return figures
    },
  }
}

interface Running {
  protocol: Protocol
  port: number
  figures: Figures
  rates: Rates
  signal: AbortSignal
}

async function connectAgainAndAgain({ protocol, port, figures, rates, signal }: Running): Promise<void> {
  const underWay = new Set<Promise<void>>()
  const session = async (turn: number) => {
    const wire = await Wire.open(port)
    try {
      await protocol.whole(wire, turn)
      figures.connections += 1
    } finally {
      wire.close()
    }
  }
  const begun = performance.now()
  for (let turn = 0; !signal.aborted; turn++) {
    const done = session(turn).catch((error: unknown) => note(figures, error, 'new connection'))
    underWay.add(done)
    void done.finally(() => underWay.delete(done))
    const due = begun + ((turn + 1) * 1000) / rates.newPerSecond
    await pause(Math.max(0, due - performance.now()), signal)
  }
  await Promise.all(underWay)
}

async function keepAsking({ protocol, port, figures, rates, signal }: Running): Promise<void> {
  let wire: Wire | null = null
  let answered = 0
  for (let turn = 0; !signal.aborted; turn++) {
    try {
      if (wire?.ended) {
        figures.closedIdle += 1
        wire.close()
        wire = null
      }
      if (wire === null) {
        answered = 0
        wire = await Wire.open(port)
        await protocol.greet?.(wire)
      }
      const open = await protocol.ask(wire, turn)
      figures.keptRequests += 1
      answered += 1
      if (!open) {
        figures.announced += 1
        wire.close()
        wire = null
      }
    } catch (error) {
      if (answered > 0 && wire !== null && crossesWithClose(error, wire)) {
        figures.closedIdle += 1
        figures.crossed += 1
      } else note(figures, error, `request ${answered + 1} of a kept connection`)
      wire?.close()
      wire = null
    }
    await pause(Math.random() * rates.pauseMs, signal)
  }
  wire?.close()
}

/** The server had closed the connection before it read this request: the client cannot know better. */
const crossesWithClose = (error: unknown, wire: Wire): boolean =>
  error instanceof Lost && ['closed', 'reset'].includes(error.loss) && wire.unanswered

function note(figures: Figures, error: unknown, where: string): void {
  if (!(error instanceof Lost)) throw error
  figures.failed.push(`${where}: ${error.message}`)
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await later(ms, undefined, { signal }).catch(() => {})
}
