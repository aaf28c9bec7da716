import type { Failure, Rollout, RolloutOutcome, ServiceStatus } from '../../model/index.js'
import type { Aim, Deployment, DeploymentReceipt, ReplicaSet, Watched } from '../rollout/index.js'
import {
  conditionOf,
  deploymentReceipt,
  isComplete,
  isListed,
  livingPods,
  newReplicaSet,
  numbered,
  numbersOf,
  revisionNumber,
  sameTemplate,
  stableSet,
  targetRevision,
} from '../rollout/index.js'
import type { Watcher } from './watcher.js'
import { openWatcher } from './watcher.js'
import { follow } from './follow.js'
import { isPassing } from './failures.js'
import type { Answer, ApiFailure, Cluster } from './ports.js'
import { withOutput } from './failure-output.js'
import { undoTo } from './undo.js'
import { setTimeout as later } from 'node:timers/promises'

export interface RollOrder {
  cluster: Cluster
  /** State before the rollout. */
  deployment: Deployment
  /** For example `upgrade`, for the picture and the receipt. */
  cause: string
  /** Starts the rollout; returns the Deployment from the server's answer. */
  begin(watched: Watched): Promise<Answer<Deployment>>
  /** Undo the rollout if it fails. */
  undo: boolean
  failFast: boolean
  /** Also wait until the old pods are gone. */
  waitDrained: boolean
  lostAfterSeconds: number
  /** Aborted by a signal or a timeout: ends the watching; the rollout continues. */
  signal: AbortSignal
  onStatus(status: ServiceStatus): void
  onNote(text: string): void
}

export type RollEnd =
  | { type: 'ended'; receipt: DeploymentReceipt }
  /** The server refused the change: nothing was started. */
  | { type: 'refused'; failure: ApiFailure }
  /** The API server stopped answering; a rollout that has started continues unwatched. */
  | { type: 'lost'; failure: ApiFailure; begun: boolean }
  | { type: 'left'; begun: boolean }

/** Runs one Deployment's rollout, watches it to its end, and undoes it if it fails. */
export async function roll(order: RollOrder): Promise<RollEnd> {
  const { cluster, deployment, onNote } = order
  const stop = new AbortController()
  const signal = AbortSignal.any([order.signal, stop.signal])
  const watcher = openWatcher(order)
  const following = follow({
    cluster,
    deployment,
    signal,
    onObservation: watcher.observe,
    onNote,
    lostAfterSeconds: order.lostAfterSeconds,
  }).then((failure) => watcher.close(failure))
  try {
    return await stage(order, watcher)
  } finally {
    stop.abort()
    await following
  }
}

async function stage(order: RollOrder, watcher: Watcher): Promise<RollEnd> {
  if (!(await watcher.until(isListed))) return endOf(watcher, false)
  const before = watcher.watched()
  const stable = stableSet(before)
  const startedAt = Date.now()
  const begun = await order.begin(before)
  if (!begun.ok) return { type: 'refused', failure: begun.failure }

  const changed = !sameTemplate(begun.value.spec.template, order.deployment.spec.template)
  const aim = aimAt(begun.value, before, startedAt, order)
  const from = stable && changed ? revisionNumber(stable) : null
  watcher.show((now) => rolloutOf(order, watcher.watched(), 'progressing', from, startedAt, now, null))
  const verdict = await watcher.verdict(aim)
  if (!verdict) return endOf(watcher, true)
  const toRevision = targetRevision(watcher.watched())
  const numbers = numbersOf(watcher.watched())
  const head = {
    service: order.deployment.metadata.name,
    cause: order.cause,
    from,
    toRevision,
    numbers,
    startedAt,
  }
  if (verdict.type === 'complete') {
    if (order.waitDrained) await watcher.until(isDrained)
    return receipt(order, watcher, head, 'complete', null)
  }
  const failure = await withOutput(order.cluster, verdict)
  const canUndo =
    order.undo &&
    stable !== null &&
    stable !== newReplicaSet(watcher.watched()) &&
    failure.code !== 'Superseded'
  if (!canUndo) return receipt(order, watcher, head, 'failed', failure)
  order.onNote(`${failure.message}; rolling back to revision ${revisionNumber(stable)}`)
  return goBack(order, watcher, head, stable, failure)
}

/** Whether only pods of the new revision are left. The status can be complete before the last old pod is deleted. */
const isDrained = (watched: Watched): boolean =>
  livingPods(watched).every(
    ({ record, replicaSet }) => record.terminatingAt === null && replicaSet === newReplicaSet(watched),
  )

interface Head {
  service: string
  cause: string
  from: number | null
  toRevision: number
  /** Numbers of its ReplicaSets, before an undo renumbers one. */
  numbers: Record<string, number>
  startedAt: number
}

async function goBack(
  order: RollOrder,
  watcher: Watcher,
  head: Head,
  stable: ReplicaSet,
  failure: Failure,
): Promise<RollEnd> {
  const failedAt = watcher.watched()
  const { deployment } = failedAt
  if (!deployment) return receipt(order, watcher, head, 'failed', failure)
  const { numbers } = head
  watcher.show(
    (now) =>
      rolloutOf(
        order,
        watcher.watched(),
        'rollingBack',
        head.from,
        head.startedAt,
        now,
        failure,
        head.toRevision,
      ),
    numbers,
  )
  const undone = await retry(order, () => undoTo(order.cluster, deployment, stable, head.toRevision))
  if (!undone.ok) {
    const message = `${failure.message}; and it could not be undone: ${undone.failure.message}`
    return receipt(order, watcher, head, 'failed', { ...failure, message })
  }
  const back = await watcher.verdict(aimAt(undone.value, failedAt, Date.now(), { failFast: false }))
  if (!back) return endOf(watcher, true)
  if (back.type === 'complete') return receipt(order, watcher, head, 'rolled-back', failure)
  const message = `${failure.message}; and the undo to revision ${head.from} failed too: ${back.failure.message}`
  return receipt(order, watcher, head, 'failed', { ...failure, message })
}

/** Repeats an idempotent call while the server is temporarily unavailable. */
async function retry<T>(order: RollOrder, ask: () => Promise<Answer<T>>): Promise<Answer<T>> {
  const end = performance.now() + order.lostAfterSeconds * 1000
  for (let wait = 100; ; wait = Math.min(wait * 2, 2000)) {
    const answer = await ask()
    // Right after its start a server answers 403 until it has read its roles.
    const passing = !answer.ok && (isPassing(answer.failure) || answer.failure.status === 403)
    if (!passing || performance.now() > end || order.signal.aborted) return answer
    await later(wait, undefined, { signal: order.signal }).catch(() => {})
  }
}

const aimAt = (
  deployment: Deployment,
  before: Watched,
  startedAt: number,
  { failFast }: { failFast: boolean },
): Aim => ({
  deployment,
  startedAt,
  failFast,
  before: conditionOf(before.deployment?.status?.conditions, 'Progressing'),
})

function receipt(
  { cluster }: RollOrder,
  watcher: Watcher,
  { from, numbers, ...head }: Head,
  outcome: RolloutOutcome,
  failure: Failure | null,
): RollEnd {
  const { namespace } = cluster
  watcher.show(() => null, numbers)
  const whole = { ...head, namespace, outcome, fromRevision: from, endedAt: Date.now(), failure }
  return { type: 'ended', receipt: deploymentReceipt(whole, numbered(watcher.watched(), numbers)) }
}

const endOf = (watcher: Watcher, begun: boolean): RollEnd => {
  const failure = watcher.lost()
  return failure ? { type: 'lost', failure, begun } : { type: 'left', begun }
}

function rolloutOf(
  { cause }: RollOrder,
  watched: Watched,
  phase: Rollout['phase'],
  from: number | null,
  startedAt: number,
  now: number,
  failure: Failure | null,
  to = targetRevision(watched),
): Rollout | null {
  if (watched.deployment && phase === 'progressing' && isComplete(watched.deployment) && from === null)
    return null
  return {
    number: to,
    phase,
    from,
    to,
    cause,
    startedAt,
    progressAt: now,
    failure,
    replicasBefore: 0,
    scaling: null,
  }
}
