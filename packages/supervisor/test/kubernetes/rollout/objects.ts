import type {
  ContainerStatus,
  Deployment,
  Pod,
  PodTemplate,
  ReplicaSet,
  Warning,
} from '../../../dist/kubernetes/rollout/index.js'
import { annotations } from '../../../dist/kubernetes/rollout/index.js'

/** Kubernetes objects with only the fields that are read. The image is the version. The only container is `web`. */

export const template = (image: string): PodTemplate => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image }], terminationGracePeriodSeconds: 30 },
})

export const deployment = (
  image: string,
  generation: number,
  { spec = {}, status = {}, ...metadata }: Record<string, object> & { spec?: object; status?: object } = {},
): Deployment => ({
  metadata: { name: 'web', uid: 'deployment', generation, ...metadata },
  spec: {
    replicas: 2,
    progressDeadlineSeconds: 60,
    selector: { matchLabels: { app: 'web' } },
    template: template(image),
    ...spec,
  },
  status,
})

export const replicaSet = (
  image: string,
  revision: number,
  more: Partial<ReplicaSet> & { cause?: string } = {},
): ReplicaSet => {
  const { metadata, spec } = template(image)
  const { cause, ...rest } = more
  return {
    metadata: {
      name: `web-${image}`,
      uid: `set-${image}`,
      ownerReferences: [{ uid: 'deployment', controller: true }],
      annotations: {
        [annotations.revision]: String(revision),
        ...(cause && { [annotations.changeCause]: cause }),
      },
    },
    spec: {
      replicas: 2,
      template: { metadata: { labels: { ...metadata?.labels, 'pod-template-hash': `hash-${image}` } }, spec },
    },
    ...rest,
  }
}

export interface PodStatus {
  ready?: boolean
  unschedulable?: string
  /** Status of its container. */
  container?: Partial<ContainerStatus>
  deleted?: boolean
}

export const pod = (
  name: string,
  image: string,
  { ready = false, unschedulable, container = {}, deleted = false }: PodStatus = {},
): Pod => ({
  metadata: {
    name,
    uid: name,
    ownerReferences: [{ uid: `set-${image}`, controller: true }],
    ...(deleted && { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 }),
  },
  spec: { containers: [{ name: 'web', image }], ...(!unschedulable && { nodeName: 'node-1' }) },
  status: {
    conditions: [
      { type: 'Ready', status: ready ? 'True' : 'False' },
      unschedulable
        ? { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: unschedulable }
        : { type: 'PodScheduled', status: 'True' },
    ],
    containerStatuses: unschedulable ? [] : [{ name: 'web', restartCount: 0, ready, ...container }],
  },
})

let warnings = 0
export const warning = (uid: string, reason: string, message: string, second = 0): Warning => ({
  metadata: { name: `event-${++warnings}`, uid: `event-${warnings}` },
  involvedObject: { uid },
  reason,
  message,
  type: 'Warning',
  lastTimestamp: new Date(second * 1000).toISOString(),
})

export const terminated = (exitCode: number, reason = 'Error') => ({ terminated: { exitCode, reason } })
export const waiting = (reason: string, message = '') => ({ waiting: { reason, message } })
