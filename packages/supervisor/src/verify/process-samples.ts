import { holdersOf } from './accepted-by.js'
import { defaultProcessConnections, type LoadOptions, type ProcessRevision } from './options.js'
import { RecordedConnection, staleDetail, type LoadContext } from './recorded-connection.js'
import type { Settled } from './recorder.js'
import { requestTemplate, type RequestTemplate } from './request.js'
import type { Tally } from './tally.js'
import { mainRequest } from './workloads.js'

type Processes = NonNullable<LoadOptions['identifyByProcess']>

/** A connection that got an answer. It is kept open until it is known which process holds the server's end. */
interface Held {
  connection: RecordedConnection
  settled: Settled
}

/** Milliseconds for which answers are collected, so that /proc is read once for all of them. */
const gatherMs = 20

/**
 * Records the revisions that exist at the start. Returns a function to call after each upgrade: it opens connections,
 * and finds out from /proc which process holds each of them once it was answered, and thus accepted.
 */
export function startProcessSamples(context: LoadContext, options: Processes): () => void {
  const { connections = defaultProcessConnections } = options
  const tally = context.recorder.tally('process samples')
  const template = requestTemplate(context.options, mainRequest(context.options))
  let held: Held[] = []
  const hold = (connection: RecordedConnection, settled: Settled) => {
    if (held.push({ connection, settled }) > 1) return
    setTimeout(() => {
      void identifyHeld(context, options, held)
      held = []
    }, gatherMs)
  }
  void seeProcesses(context, options)
  return () => {
    for (let i = 0; i < connections; i++) openSample(context, tally, template, hold)
  }
}

function openSample(
  context: LoadContext,
  tally: Tally,
  template: RequestTemplate,
  hold: (connection: RecordedConnection, settled: Settled) => void,
): void {
  let answered = false
  const connection = new RecordedConnection(context, tally, template, {
    hold(settled) {
      answered = true
      hold(connection, settled)
    },
    // A wrong or stale answer was recorded already: its connection need not be looked up.
    idle() {
      if (!answered) connection.connection.close()
    },
  })
  connection.send([template])
}

async function identifyHeld(context: LoadContext, options: Processes, held: Held[]): Promise<void> {
  const { target } = context.options
  const processes = await seeProcesses(context, options)
  const clients = held.map(({ connection }) => connection.connection.localAddress)
  const holders = await holdersOf(
    clients.filter((client) => client !== null),
    'port' in target ? target.port : 0,
    processes.map(({ pid }) => pid),
  )
  for (const [i, { connection, settled }] of held.entries()) {
    const pids = holders.get(clients[i] ?? { address: '', port: 0 }) ?? []
    const revisions = processes.filter(({ pid }) => pids.includes(pid)).map(({ revision }) => revision)
    context.recorder.settle(withRevision(context, settled, revisions, connection.doneAtOpening))
    connection.connection.close()
  }
}

/** If two processes hold the connection, it is being handed over, and the newer process counts. */
function withRevision(
  context: LoadContext,
  settled: Settled,
  revisions: string[],
  doneAtOpening: number,
): Settled {
  const { recorder } = context
  recorder.processes.sampled++
  if (revisions.length === 0) recorder.processes.unknown++
  const byAge = revisions.map((revision) => recorder.revisions.see(revision))
  const newest = byAge.sort((a, b) => b.firstSeenInUpgrade - a.firstSeenInUpgrade)[0]
  if (newest === undefined || !recorder.revisions.answer(newest.version, doneAtOpening)) return settled
  const { version } = newest
  return { ...settled, outcome: 'stale', version, detail: staleDetail(version, doneAtOpening) }
}

/** A revision first seen during an upgrade may be the old or the new one. It counts as new: no false alarm. */
async function seeProcesses({ recorder }: LoadContext, options: Processes): Promise<ProcessRevision[]> {
  // If the processes cannot be listed, the samples count as unknown.
  const processes = await (async () => options.processes())().catch(() => [])
  for (const { revision } of processes) recorder.revisions.see(revision)
  return processes
}
