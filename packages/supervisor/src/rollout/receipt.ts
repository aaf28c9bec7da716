import type {
  ConnectionAccount,
  Event,
  EventOf,
  Failure,
  InstanceReceipt,
  Phases,
  Receipt,
  RolloutOutcome,
} from '../model/index.js'
import { unaccounted } from '../model/index.js'

/**
 * The account of the newest rollout in these events, oldest first; null while there is none or it still goes
 * on. Events after its end are welcome: what becomes of the instances that drain behind it is added.
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

/** One instance's receipt while it is being written. */
interface Draft {
  receipt: InstanceReceipt
  startedAt: number
  drainingSince: number | null
  /** The revision that the rollout found it with. */
  foundAs?: number
  readyAt?: number
  stoppedAcceptingAt?: number
  exitedAt?: number
}

function phasesOf(drafts: Draft[], start: number): Phases {
  const isOn = (side: InstanceReceipt['side']) => drafts.filter(({ receipt }) => receipt.side === side)
  const [born, old] = [isOn('new'), isOn('old')]
  const last = (times: (number | undefined)[]): number | null =>
    times.length > 0 && times.every((time) => time !== undefined) ? Math.max(...times) - start : null
  return {
    ready: last(born.map(({ readyAt }) => readyAt)),
    stoppedAccepting: last(old.map(({ stoppedAcceptingAt, exitedAt }) => stoppedAcceptingAt ?? exitedAt)),
    drained: last(old.map(({ exitedAt }) => exitedAt)),
  }
}

const isDraining = ({ drainingSince, receipt }: Draft): boolean =>
  drainingSince !== null && receipt.exit === undefined

const isSame = (a: Draft) => (b: Draft) => a.receipt.id === b.receipt.id

/** The instances that the rollout found, and those that were started for it. */
function draftsOf(started: EventOf<'RolloutStarted'>, events: Event[]): Draft[] {
  const found = (started.found ?? []).map(({ instance, revision, pid, account }) => {
    const draft = blank(instance, revision, pid, started)
    return { ...withAccount(draft, account ?? null), foundAs: revision }
  })
  const known = new Set(found.map(({ receipt }) => receipt.id))
  const born: Draft[] = []
  for (const event of events) {
    if (event.type !== 'InstanceStarting' || known.has(event.instance)) continue
    known.add(event.instance) // starting it again after a crash makes no second entry
    born.push(blank(event.instance, event.revision, null, started, event.at))
  }
  return [...found, ...born]
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
      return { ...draft, receipt: { ...before, side: 'old', revision: draft.foundAs ?? receipt.revision } }
    }
    case 'InstanceBecameReady':
      return receipt.readyMs === undefined && receipt.side === 'new'
        ? { ...note({ readyMs: event.at - startedAt }), readyAt: event.at }
        : draft
    case 'InstanceDraining':
      return { ...note({ reason: event.reason }), drainingSince: event.at }
    case 'InstanceStoppedAccepting':
      return sinceDrain === undefined
        ? draft
        : { ...note({ stoppedAcceptingMs: sinceDrain }), stoppedAcceptingAt: event.at }
    case 'InstanceAccount':
    case 'InstanceDrained':
      return withAccount(draft, event.account)
    case 'InstanceKilled':
      return note({ killed: true })
    case 'InstanceExited':
      return {
        ...note({ exit: event.exit, ...(sinceDrain !== undefined && { drainMs: sinceDrain }) }),
        exitedAt: event.at,
      }
    default:
      return draft
  }
}
