import type {
  ConnectionAccount,
  Event,
  EventOf,
  Failure,
  InstanceReceipt,
  Phases,
  Receipt,
  RolloutOutcome,
  UnreadySpell,
} from '../model/index.js'
import { unaccounted } from '../model/index.js'

/**
 * The receipt of the newest rollout in these events, which are ordered oldest first. Null if there is none, or it is
 * still in progress. Events after its end complete the receipts of instances that were still draining.
 */
export function receiptOf(events: readonly Event[]): Receipt | null {
  const first = events.findLastIndex(({ type }) => type === 'RolloutStarted')
  const started = events[first]
  if (started?.type !== 'RolloutStarted') return null
  const since = events.slice(first)
  const end = since.find(isEnd)
  if (!end) return null

  const duringIt = since.slice(0, since.indexOf(end) + 1)
  const drafts = fold(draftsOf(started, duringIt), duringIt)
  const draining = drafts.filter(isDraining)
  const after = fold(draining, since.slice(since.indexOf(end) + 1))
  const written = drafts.map((draft) => after.find(isSame(draft)) ?? draft)
  return {
    service: started.service,
    rollout: started.rollout,
    cause: started.cause,
    outcome: outcomeOf(end),
    fromRevision: started.from,
    toRevision: started.to,
    startedAt: started.at,
    endedAt: end.at,
    wallMs: end.at - started.at,
    phases: phasesOf(written, started.at),
    failure: failureIn(since),
    instances: written.map(({ receipt }) => receipt),
    kernel: null,
    draining: draining.length,
  }
}

type End = EventOf<'RolloutCompleted' | 'RolloutRolledBack' | 'RolloutFailed' | 'ServiceStopping'>

const isEnd = (event: Event): event is End =>
  event.type === 'RolloutCompleted' ||
  event.type === 'RolloutRolledBack' ||
  event.type === 'ServiceStopping' ||
  (event.type === 'RolloutFailed' && !event.rollingBack)

function outcomeOf(end: End): RolloutOutcome {
  switch (end.type) {
    case 'RolloutCompleted':
      return 'complete'
    case 'RolloutRolledBack':
      return 'rolled-back'
    case 'RolloutFailed':
      return 'failed'
    case 'ServiceStopping':
      return 'stopped'
  }
}

const failureIn = (events: Event[]): Failure | null =>
  events.find((event) => event.type === 'RolloutFailed')?.failure ?? null

/** An instance's receipt with the times that its figures are computed from. */
interface Draft {
  receipt: InstanceReceipt
  startedAt: number
  /** When the rollout started. */
  rolloutAt: number
  drainingSince: number | null
  /** Its revision at the start of the rollout. Absent if it was started during the rollout. */
  initialRevision?: number
  readyAt?: number
  stoppedAcceptingAt?: number
  exitedAt?: number
}

function phasesOf(drafts: Draft[], start: number): Phases {
  const onSide = (side: InstanceReceipt['side']) => drafts.filter(({ receipt }) => receipt.side === side)
  const msUntilLast = (times: (number | undefined)[]): number | null =>
    times.length > 0 && times.every((time) => time !== undefined) ? Math.max(...times) - start : null
  const old = onSide('old')
  return {
    ready: msUntilLast(onSide('new').map(({ readyAt }) => readyAt)),
    stoppedAccepting: msUntilLast(
      old.map(({ stoppedAcceptingAt, exitedAt }) => stoppedAcceptingAt ?? exitedAt),
    ),
    drained: msUntilLast(old.map(({ exitedAt }) => exitedAt)),
  }
}

const isDraining = ({ drainingSince, receipt }: Draft): boolean =>
  drainingSince !== null && receipt.exit === undefined

const isSame = (a: Draft) => (b: Draft) => a.receipt.id === b.receipt.id

/** One draft for each instance that existed when the rollout started, and for each that was started during it. */
function draftsOf(started: EventOf<'RolloutStarted'>, events: Event[]): Draft[] {
  const found = (started.found ?? []).map(({ instance, revision, pid, account }) => {
    const draft = blank(instance, revision, pid, started)
    return { ...withAccount(draft, account ?? null), initialRevision: revision }
  })
  const known = new Set(found.map(({ receipt }) => receipt.id))
  const added: Draft[] = []
  for (const event of events) {
    if (event.type !== 'InstanceStarting' || known.has(event.instance)) continue
    known.add(event.instance) // a restart after a crash does not add a second entry
    added.push(blank(event.instance, event.revision, null, started, event.at))
  }
  return [...found, ...added]
}

const fold = (drafts: Draft[], events: Event[]): Draft[] =>
  drafts.map((draft) =>
    events.reduce(
      (written, event) =>
        'instance' in event && event.instance === draft.receipt.id ? write(written, event) : written,
      draft,
    ),
  )

const blank = (
  id: string,
  revision: number,
  pid: number | null,
  rollout: EventOf<'RolloutStarted'>,
  startedAt = rollout.at,
): Draft => ({
  receipt: {
    id,
    revision,
    pid,
    side: revision === rollout.to ? 'new' : 'old',
    killed: false,
    account: null,
  },
  startedAt,
  rolloutAt: rollout.at,
  drainingSince: null,
})

const withAccount = (draft: Draft, account: ConnectionAccount | null): Draft =>
  account ? { ...draft, receipt: { ...draft.receipt, account, unaccounted: unaccounted(account) } } : draft

function write(draft: Draft, event: Extract<Event, { instance: string }>): Draft {
  const { receipt, startedAt, drainingSince } = draft
  const note = (more: Partial<InstanceReceipt>): Draft => ({ ...draft, receipt: { ...receipt, ...more } })
  const sinceDrain = drainingSince === null ? undefined : event.at - drainingSince
  switch (event.type) {
    case 'InstanceStarted':
      return note({ pid: event.pid })
    case 'InstanceExecuting':
      return { ...note({ revision: event.revision, side: 'new', inPlace: true }), startedAt: event.at }
    case 'InstanceExecFailed': {
      const { inPlace: _, ...before } = receipt
      const revision = draft.initialRevision ?? receipt.revision
      return { ...draft, receipt: { ...before, side: 'old', revision } }
    }
    case 'InstanceBecameReady': {
      const again = endSpell(draft, event.at)
      return receipt.readyMs === undefined && receipt.side === 'new'
        ? { ...note({ readyMs: event.at - startedAt }), readyAt: event.at }
        : again
    }
    case 'InstanceBecameUnready': {
      const spell = { afterMs: event.at - draft.rolloutAt, reason: event.reason, leftConnections: false }
      return note({ unready: [...(receipt.unready ?? []), spell].slice(-maxSpells) })
    }
    case 'InstanceAccepting':
      return event.accepting ? draft : withLastSpell(draft, { leftConnections: true })
    case 'InstanceDraining': {
      const { receipt: ended } = endSpell(draft, event.at)
      return { ...draft, receipt: { ...ended, reason: event.reason }, drainingSince: event.at }
    }
    case 'InstanceStoppedAccepting':
      return sinceDrain === undefined
        ? draft
        : { ...note({ stoppedAcceptingMs: sinceDrain }), stoppedAcceptingAt: event.at }
    case 'InstanceAccount':
    case 'InstanceDrained':
      return withAccount(draft, event.account)
    case 'InstanceSignalled':
      return note({ seen: { atSignal: event.connections } })
    case 'InstanceKilled':
      return note({ killed: true })
    case 'InstanceExited':
      return {
        ...note({
          exit: event.exit,
          ...(sinceDrain !== undefined && { drainMs: sinceDrain }),
          ...(receipt.seen && event.left && { seen: { ...receipt.seen, left: event.left } }),
        }),
        exitedAt: event.at,
      }
    default:
      return draft
  }
}

/** An instance that flaps must not fill the journal. */
const maxSpells = 10

function endSpell(draft: Draft, at: number): Draft {
  const last = draft.receipt.unready?.at(-1)
  if (last === undefined || last.ms !== undefined) return draft
  return withLastSpell(draft, { ms: at - draft.rolloutAt - last.afterMs })
}

function withLastSpell(draft: Draft, more: Partial<UnreadySpell>): Draft {
  const { unready = [] } = draft.receipt
  const last = unready.at(-1)
  if (last === undefined) return draft
  return { ...draft, receipt: { ...draft.receipt, unready: [...unready.slice(0, -1), { ...last, ...more }] } }
}
