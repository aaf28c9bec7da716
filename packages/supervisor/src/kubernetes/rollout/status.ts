import type { InstanceStatus, Rollout, ServiceStatus } from '../../model/index.js'
import { explainDeployment } from './explain.js'
import { crashReasons, isReady, lastCrash, restartsOf, waitingFor } from './pods.js'
import { startOf } from './troubles.js'
import type { OwnedPod, Watched } from './watched.js'
import { livingPods, newReplicaSet, revisionNumber } from './watched.js'

/** A Deployment as the status of a service: its pods are the instances. */
export function deploymentStatus(watched: Watched, rollout: Rollout | null, now: number): ServiceStatus {
  const { deployment, name } = watched
  const { status, spec } = deployment ?? {}
  return {
    name,
    revision: targetRevision(watched),
    replicas: spec?.replicas ?? 1,
    ready: status?.readyReplicas ?? 0,
    available: status?.availableReplicas ?? 0,
    paused: spec?.paused === true,
    stopping: deployment?.metadata.deletionTimestamp !== undefined,
    rollout,
    waiting: explainDeployment(watched, now),
    listeners: [],
    instances: livingPods(watched).map(podStatus),
  }
}

/** Number of the target revision: one more than the newest until the controller has numbered it. */
export function targetRevision(watched: Watched): number {
  const set = newReplicaSet(watched)
  if (set && revisionNumber(set) > 0) return revisionNumber(set)
  const newest = Math.max(0, ...Object.values(watched.replicaSets).map(revisionNumber))
  return newest + 1
}

const podStatus = (owned: OwnedPod): InstanceStatus => ({
  id: owned.record.pod.metadata.name,
  pid: null,
  revision: owned.revision,
  state: stateOf(owned),
  startedAt: startOf(owned.record),
  restarts: restartsOf(owned.record.pod),
  connections: null,
  text: textOf(owned),
})

function stateOf({ record }: OwnedPod): InstanceStatus['state'] {
  const { pod, readyAt, terminatingAt } = record
  if (terminatingAt !== null) return 'draining'
  if (isReady(pod)) return 'ready'
  const ended = pod.status?.containerStatuses?.some(({ state }) => state?.terminated !== undefined)
  if (waitingFor(pod, crashReasons) || (ended && lastCrash(pod))) return 'crashed'
  return readyAt === null ? 'starting' : 'unready'
}

/** Name of its node. */
const textOf = ({ record }: OwnedPod): string | null => record.pod.spec.nodeName ?? null
