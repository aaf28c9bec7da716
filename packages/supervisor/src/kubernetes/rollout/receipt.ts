import type { Exit, Receipt } from '../../model/index.js'
import { containersOf, exitOf, restartsOf } from './pods.js'
import type { OwnedPod, PodRecord, Watched } from './watched.js'
import { podsOf } from './watched.js'

/** One pod during a rollout. Times are milliseconds by this machine's clock. They are missing if not observed. */
export interface PodReceipt {
  id: string
  revision: number
  side: 'old' | 'new'
  node: string | null
  /** From its creation until it was ready. */
  readyMs?: number
  /** From its deletion until it was gone. */
  drainMs?: number
  restarts: number
  /** Exit of its container, or the worst of several. Null if the pod is gone and its exit was not observed. */
  exit?: Exit | null
  /** SIGKILL was sent at the end of the grace period. */
  killed: boolean
}

/** Receipt of a Deployment's rollout: like that of one machine, with pods. */
export interface DeploymentReceipt extends Omit<Receipt, 'rollout' | 'instances' | 'kernel'> {
  namespace: string
  pods: PodReceipt[]
}

export type ReceiptHead = Pick<
  DeploymentReceipt,
  | 'service'
  | 'namespace'
  | 'cause'
  | 'outcome'
  | 'fromRevision'
  | 'toRevision'
  | 'startedAt'
  | 'endedAt'
  | 'failure'
>

export function deploymentReceipt(head: ReceiptHead, watched: Watched): DeploymentReceipt {
  const pods = podsOf(watched)
  const isOn = (side: PodReceipt['side']) => pods.filter((pod) => sideOf(pod, head) === side)
  const [born, old] = [isOn('new').filter(({ record }) => !record.found), isOn('old').filter(isOfThisRollout)]
  const last = (times: (number | null)[]): number | null =>
    times.length > 0 && times.every((time) => time !== null) ? Math.max(...times) - head.startedAt : null
  return {
    ...head,
    wallMs: head.endedAt - head.startedAt,
    phases: {
      ready: last(born.map(({ record }) => record.readyAt)),
      // Endpoints are withdrawn as soon as the pod is marked for deletion.
      stoppedAccepting: last(old.map(({ record }) => record.terminatingAt)),
      drained: last(old.map(({ record }) => record.goneAt)),
    },
    pods: pods.map((pod) => podReceipt(pod, sideOf(pod, head))),
    draining: isOn('old').filter(({ record }) => record.terminatingAt !== null && record.goneAt === null)
      .length,
  }
}

/** False for a pod that was already terminating before this rollout. */
const isOfThisRollout = ({ record }: OwnedPod): boolean =>
  !record.found || record.terminatingAt !== record.seenAt

const sideOf = ({ revision }: OwnedPod, { toRevision }: ReceiptHead): PodReceipt['side'] =>
  revision === toRevision ? 'new' : 'old'

function podReceipt({ record, revision }: OwnedPod, side: PodReceipt['side']): PodReceipt {
  const { pod, found, seenAt, readyAt, terminatingAt, goneAt } = record
  const exit = exitOfPod(record)
  return {
    id: pod.metadata.name,
    revision,
    side,
    node: pod.spec.nodeName ?? null,
    ...(!found && readyAt !== null && { readyMs: readyAt - seenAt }),
    ...(terminatingAt !== null && goneAt !== null && { drainMs: goneAt - terminatingAt }),
    restarts: restartsOf(pod),
    ...(exit !== undefined && { exit }),
    killed: wasKilled(record, exit),
  }
}

/** The highest exit code of its containers, with 128 plus the number for a signal. In back-off, the last one counts. */
function exitOfPod({ pod, goneAt }: PodRecord): Exit | null | undefined {
  const ends = containersOf(pod).flatMap(
    ({ state, lastState }) => state?.terminated ?? (state?.waiting && lastState?.terminated) ?? [],
  )
  const [worst] = ends.sort((a, b) => b.exitCode - a.exitCode)
  if (worst) return exitOf(worst)
  return goneAt === null ? undefined : null
}

/** SIGKILL after the deletion means that the grace period was over, unless it was an OOM kill. */
const wasKilled = ({ pod, terminatingAt }: PodRecord, exit: Exit | null | undefined): boolean =>
  terminatingAt !== null &&
  exit?.signal === 'SIGKILL' &&
  !containersOf(pod).some(({ state }) => state?.terminated?.reason === 'OOMKilled')
