import type { Failure, Rollout, RolloutOutcome, ServiceStatus } from '../../model/index.js'
import type {
  Aim,
  Deployment,
  DeploymentReceipt,
  ReplicaSet,
  Trouble,
  Verdict,
  Watched,
} from '../rollout/index.js'
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
import type { Eye } from './eye.js'
import { openEye } from './eye.js'
import { follow } from './follow.js'
import { isPassing } from './failures.js'
import type { Answer, ApiFailure, Cluster } from './ports.js'
import { podLog } from './resources.js'
import { undoTo } from './undo.js'
import { setTimeout as later } from 'node:timers/promises'

export interface RollOrder {
  cluster: Cluster
  /** As it is before the rollout. */
  deployment: Deployment
  /** For example `upgrade`: said in the picture and in the receipt. */
  cause: string
  /** Begins the rollout, with what is known of the Deployment; the Deployment as the server answered. */
  begin(watched: Watched): Promise<Answer<Deployment>>
  /** Go back by itself when it fails. */
  undo: boolean
  failFast: boolean
  /** Also stay until the old pods are gone. */
  waitDrained: boolean
  lostAfterSeconds: number
  /** Aborted by a signal or a timeout: stops watching, and leaves the rollout to itself. */
  signal: AbortSignal
  onStatus(status: ServiceStatus): void
  onNote(text: string): void
}

export type RollEnd =
  | { type: 'ended'; receipt: DeploymentReceipt }
  /** The change was refused: nothing was begun. */
  | { type: 'refused'; failure: ApiFailure }
  /** The API server is gone; what was begun goes on without us. */
  | { type: 'lost'; failure: ApiFailure; begun: boolean }
  | { type: 'left'; begun: boolean }

/** One Deployment's rollout, watched from before its begin to its end; undone when it fails. */
export async function roll(order: RollOrder): Promise<RollEnd> {
  const { cluster, deployment, onNote } = order
  const stop = new AbortController()
  const signal = AbortSignal.any([order.signal, stop.signal])
  const eye = openEye(order)
  const following = follow({
    cluster,
    deployment,
    signal,
    onObservation: eye.observe,
    onNote,
    lostAfterSeconds: order.lostAfterSeconds,
  }).then((failure) => eye.close(failure))
  try {
    return await stage(order, eye)
  } finally {
    stop.abort()
    await following
  }
}

async function stage(order: RollOrder, eye: Eye): Promise<RollEnd> {
  if (!(await eye.until(isListed))) return endOf(eye, false)
  const before = eye.watched()
  const stable = stableSet(before)
  const startedAt = Date.now()
  const begun = await order.begin(before)
  if (!begun.ok) return { type: 'refused', failure: begun.failure }

  const changed = !sameTemplate(begun.value.spec.template, order.deployment.spec.template)
  const aim = aimAt(begun.value, before, startedAt, order)
  const from = stable && changed ? revisionNumber(stable) : null
  eye.show((now) => rolloutOf(order, eye.watched(), 'progressing', from, startedAt, now, null))
  const verdict = await eye.verdict(aim)
  if (!verdict) return endOf(eye, true)
  const toRevision = targetRevision(eye.watched())
  const numbers = numbersOf(eye.watched())
  const head = {
    service: order.deployment.metadata.name,
    cause: order.cause,
    from,
    toRevision,
    numbers,
    startedAt,
  }
  if (verdict.type === 'complete') {
    if (order.waitDrained) await eye.until(isDrained)
    return receipt(order, eye, head, 'complete', null)
  }
  const failure = await withOutput(order.cluster, verdict)
  const canUndo =
    order.undo && stable !== null && stable !== newReplicaSet(eye.watched()) && failure.code !== 'Superseded'
  if (!canUndo) return receipt(order, eye, head, 'failed', failure)
  order.onNote(`${failure.message}; rolling back to revision ${revisionNumber(stable)}`)
  return goBack(order, eye, head, stable, failure)
}

/** Only pods of the new revision are left. The status may say complete before we see the last old pod's deletion. */
const isDrained = (watched: Watched): boolean =>
  livingPods(watched).every(
    ({ record, replicaSet }) => record.terminatingAt === null && replicaSet === newReplicaSet(watched),
  )

interface Head {
  service: string
  cause: string
  from: number | null
  toRevision: number
  /** Of its ReplicaSets, before an undo gave one a new number. */
  numbers: Record<string, number>
  startedAt: number
}

async function goBack(
  order: RollOrder,
  eye: Eye,
  head: Head,
  stable: ReplicaSet,
  failure: Failure,
): Promise<RollEnd> {
  const failedAt = eye.watched()
  const { deployment } = failedAt
  if (!deployment) return receipt(order, eye, head, 'failed', failure)
  const { numbers } = head
  eye.show(
    (now) =>
      rolloutOf(
        order,
        eye.watched(),
        'rollingBack',
        head.from,
        head.startedAt,
        now,
        failure,
        head.toRevision,
      ),
    numbers,
  )
  const undone = await persist(order, () => undoTo(order.cluster, deployment, stable, head.toRevision))
  if (!undone.ok) {
    const message = `${failure.message}; and it could not be undone: ${undone.failure.message}`
    return receipt(order, eye, head, 'failed', { ...failure, message })
  }
  const back = await eye.verdict(aimAt(undone.value, failedAt, Date.now(), { failFast: false }))
  if (!back) return endOf(eye, true)
  if (back.type === 'complete') return receipt(order, eye, head, 'rolled-back', failure)
  const message = `${failure.message}; and the undo to revision ${head.from} failed too: ${back.failure.message}`
  return receipt(order, eye, head, 'failed', { ...failure, message })
}

/** Asked again while the server is away for a moment; only for what may be done twice. */
async function persist<T>(order: RollOrder, ask: () => Promise<Answer<T>>): Promise<Answer<T>> {
  const end = performance.now() + order.lostAfterSeconds * 1000
  for (let wait = 100; ; wait = Math.min(wait * 2, 2000)) {
    const answer = await ask()
    // Right after its start a server says 403 until its roles are read.
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

/** The failure with the last lines of the pod that is to blame. */
async function withOutput(
  cluster: Cluster,
  { failure, trouble }: Extract<Verdict, { type: 'failed' }>,
): Promise<Failure> {
  const printed = trouble !== null && isPrinting(trouble) ? await podLog(cluster, trouble.pod, 20) : []
  return printed.length > 0 ? { ...failure, output: printed } : failure
}

/** A pod that never started has printed nothing. */
const isPrinting = (trouble: Trouble): trouble is Trouble & { pod: NonNullable<Trouble['pod']> } =>
  trouble.pod !== null && ['crash', 'probe', 'slow'].includes(trouble.type)

function receipt(
  { cluster }: RollOrder,
  eye: Eye,
  { from, numbers, ...head }: Head,
  outcome: RolloutOutcome,
  failure: Failure | null,
): RollEnd {
  const { namespace } = cluster
  eye.show(() => null, numbers)
  const whole = { ...head, namespace, outcome, fromRevision: from, endedAt: Date.now(), failure }
  return { type: 'ended', receipt: deploymentReceipt(whole, numbered(eye.watched(), numbers)) }
}

const endOf = (eye: Eye, begun: boolean): RollEnd => {
  const failure = eye.lost()
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
