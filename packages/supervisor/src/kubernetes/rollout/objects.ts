/**
 * The fields of Kubernetes objects that are read, with Kubernetes' names (apps/v1, v1). Objects have more fields:
 * these types are views of the server's answers and are never sent back.
 */
export interface ObjectMeta {
  name: string
  namespace?: string
  uid: string
  generation?: number
  resourceVersion?: string
  creationTimestamp?: string
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: { uid: string; controller?: boolean }[]
  managedFields?: ManagedFields[]
}

export interface ManagedFields {
  manager?: string
  operation?: string
  subresource?: string
  apiVersion?: string
  time?: string
  fieldsType?: string
  fieldsV1?: FieldsV1
}

/** The set of fields as a tree: `{ 'f:spec': { 'f:replicas': {} } }`. The key `.` stands for the node itself. */
export interface FieldsV1 {
  [path: string]: FieldsV1
}

export interface Condition {
  type: string
  status: string
  reason?: string
  message?: string
  lastUpdateTime?: string
  lastTransitionTime?: string
}

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }
  spec: { containers: { name: string; image?: string }[]; terminationGracePeriodSeconds?: number }
}

export interface Deployment {
  metadata: ObjectMeta
  spec: {
    replicas?: number
    paused?: boolean
    minReadySeconds?: number
    progressDeadlineSeconds?: number
    selector: { matchLabels?: Record<string, string> }
    template: PodTemplate
  }
  status?: {
    observedGeneration?: number
    replicas?: number
    updatedReplicas?: number
    readyReplicas?: number
    availableReplicas?: number
    conditions?: Condition[]
  }
}

export interface ReplicaSet {
  metadata: ObjectMeta
  spec: { replicas?: number; template: PodTemplate }
  status?: { replicas?: number; readyReplicas?: number; availableReplicas?: number; conditions?: Condition[] }
}

export interface Terminated {
  exitCode: number
  signal?: number
  reason?: string
  message?: string
  finishedAt?: string
}

export interface ContainerState {
  waiting?: { reason?: string; message?: string }
  running?: { startedAt?: string }
  terminated?: Terminated
}

export interface ContainerStatus {
  name: string
  image?: string
  ready?: boolean
  started?: boolean
  restartCount?: number
  state?: ContainerState
  lastState?: ContainerState
}

export interface Pod {
  metadata: ObjectMeta
  spec: { nodeName?: string; containers: { name: string; image?: string }[] }
  status?: {
    phase?: string
    reason?: string
    message?: string
    startTime?: string
    conditions?: Condition[]
    containerStatuses?: ContainerStatus[]
    initContainerStatuses?: ContainerStatus[]
  }
}

/** Kubernetes' Event (v1) of type Warning. The name avoids confusion with events of a rollout. */
export interface Warning {
  metadata: ObjectMeta
  involvedObject: { kind?: string; name?: string; uid?: string }
  reason?: string
  message?: string
  type?: string
  lastTimestamp?: string | null
  eventTime?: string | null
}

/** The objects that are watched, by kind. */
export interface Kinds {
  Deployment: Deployment
  ReplicaSet: ReplicaSet
  Pod: Pod
  Event: Warning
}
export type Kind = keyof Kinds

/** Annotations that describe a rollout. */
export const annotations = {
  /** Number of the revision, on a ReplicaSet and on the Deployment. */
  revision: 'deployment.kubernetes.io/revision',
  /** Why a revision exists, as shown by `kubectl rollout history`. */
  changeCause: 'kubernetes.io/change-cause',
  /** Set by a restart, which starts a rollout since it changes the template. */
  restartedAt: 'kubectl.kubernetes.io/restartedAt',
  /** On the Deployment: numbers of the revisions that failed and were undone, such as `3,7`. */
  failedRevisions: 'handover/failed-revisions',
} as const

export const conditionOf = (conditions: Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find((condition) => condition.type === type)
