import type { IntOrPercent } from './spec.js'

/** A value of JSON. */
export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

/**
 * How a service lives in a cluster: the section `kubernetes` of its configuration, with what the service itself
 * says as defaults. It stands beside the spec, not in it: no instance of this machine is started anew because of it.
 * A `JsonObject` is Kubernetes' own and passed through as it is.
 */
export interface KubernetesSpec {
  /** Of the container. Not there: it must be given where manifests are rendered. */
  image?: string
  namespace?: string
  /** Of every object. */
  labels: Record<string, string>
  /** Of the Deployment and its pods. */
  annotations: Record<string, string>
  /** Null: 'max', which means the processors of one machine. */
  replicas: number | null
  /** maxSurge 1 and maxUnavailable 0 where nothing else is said. */
  strategy: PodStrategy
  /** Seconds. */
  minReadySeconds: number
  /** Seconds. Default 600, as Kubernetes': images are pulled and nodes are started in it. */
  progressDeadlineSeconds: number
  revisionHistoryLimit: number
  /** Seconds. Default: derived, see `graceOf`. */
  terminationGracePeriodSeconds?: number
  drain: PodDrain
  /** Preload `@handover/process/register` by NODE_OPTIONS; the image must have it. Text: where it is in the image. */
  register: boolean | string
  /** Port on which the library serves /startupz, /readyz and /livez. */
  probesPort?: number
  /** Kubernetes' EnvVars, by name; they win over the service's own `env`. */
  env: JsonObject[]
  /** Names of variables that look like secrets and are none. */
  plainEnv: string[]
  /** Of the pod and of the container: each field belongs to one of them. */
  securityContext: JsonObject
  /** Further fields of the container. */
  container: JsonObject
  /** Further fields of the pod. */
  pod: JsonObject
  /** Fields of its `spec`, and `annotations`; false: none. */
  service: JsonObject | false
  /** Fields of its `spec`, and `annotations`. */
  ingress?: JsonObject
  /** Fields of the `spec` of a HorizontalPodAutoscaler. */
  autoscaling?: JsonObject
  /** Fields of its `spec`; false: none. */
  podDisruptionBudget: JsonObject | false
  configMap?: ConfigMapSpec
}

/** The two that a Deployment has. */
export type PodStrategy =
  | { type: 'RollingUpdate'; rollingUpdate: { maxSurge: IntOrPercent; maxUnavailable: IntOrPercent } }
  | { type: 'Recreate' }

/** How long a pod takes from the start of its end until it is gone. All in seconds. */
export interface PodDrain {
  /** For so long connections are still accepted: the time that endpoints need to be withdrawn. Default 5. */
  delaySeconds: number
  /**
   * Who waits: a preStop hook, whatever is in the image, or the library, whose readiness turns red at once. Default:
   * the library where it is preloaded by `register`, else the hook.
   */
  delayBy: 'preStop' | 'library'
  /** How long a preStop hook of `lifecycle` runs; only needed where that cannot be seen. */
  preStopSeconds?: number
  /** For what the program does after its connections are gone and the library's own hooks have run. Default 0. */
  hooksSeconds: number
}

/** Text by key; mounted as files at `mountPath`, or else given as environment variables. */
export interface ConfigMapSpec {
  data: Record<string, string>
  mountPath?: string
}
