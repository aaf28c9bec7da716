import type { IntOrPercent } from './spec.js'

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

/**
 * How a service runs in a cluster: the section `kubernetes` of its configuration. The service's own settings are
 * the defaults. It is not part of the spec, so a change of it never restarts instances on this machine. A
 * `JsonObject` has the fields of Kubernetes and is passed through unchanged.
 */
export interface KubernetesSpec {
  /** Image of the container. If absent, the user must pass one when rendering manifests. */
  image?: string
  namespace?: string
  /** Added to every object. */
  labels: Record<string, string>
  /** Added to the Deployment and its pods. */
  annotations: Record<string, string>
  /** Null if the service says 'max', the number of processors of one machine. */
  replicas: number | null
  /** Default: RollingUpdate with maxSurge 1 and maxUnavailable 0. */
  strategy: PodStrategy
  /** Seconds. */
  minReadySeconds: number
  /** Seconds. Default 600 as in Kubernetes, because pulling images and starting nodes counts too. */
  progressDeadlineSeconds: number
  revisionHistoryLimit: number
  /** Seconds. Default: derived, see `graceOf`. */
  terminationGracePeriodSeconds?: number
  drain: PodDrain
  /** Preload `@handover/process/register` through NODE_OPTIONS. The image must contain it. A string: its path in the image. */
  register: boolean | string
  /** Port on which the library serves /startupz, /readyz and /livez. */
  probesPort?: number
  /** Kubernetes EnvVars. They override variables of the same name in the service's `env`. */
  env: JsonObject[]
  /** Names of variables that look like secrets but are not. */
  plainEnv: string[]
  /** Fields of the pod's and of the container's security context; each field belongs to one of the two. */
  securityContext: JsonObject
  /** Further fields of the container. */
  container: JsonObject
  /** Further fields of the pod. */
  pod: JsonObject
  /** Fields of the Service's `spec`, and `annotations`. False: render no Service. */
  service: JsonObject | false
  /** Fields of the Ingress's `spec`, and `annotations`. */
  ingress?: JsonObject
  /** Fields of the HorizontalPodAutoscaler's `spec`. */
  autoscaling?: JsonObject
  /** Fields of the PodDisruptionBudget's `spec`. False: render none. */
  podDisruptionBudget: JsonObject | false
  configMap?: ConfigMapSpec
}

/** The strategies of a Deployment. */
export type PodStrategy =
  | { type: 'RollingUpdate'; rollingUpdate: { maxSurge: IntOrPercent; maxUnavailable: IntOrPercent } }
  | { type: 'Recreate' }

/** How a pod spends its termination grace period. All values are in seconds. */
export interface PodDrain {
  /** How long to keep accepting connections while the endpoint is withdrawn. Default 5. */
  delaySeconds: number
  /**
   * Who waits for `delaySeconds`: a preStop hook, which works with any image, or the library, whose readiness probe
   * fails at once. Default: the library if `register` preloads it, else the hook.
   */
  delayBy: 'preStop' | 'library'
  /** How long a preStop hook of `lifecycle` runs. Only needed if it cannot be derived from the hook. */
  preStopSeconds?: number
  /** Time for what the program does after its connections are closed and the library's own hooks have run. Default 0. */
  hooksSeconds: number
}

/** Text by key. Mounted as files at `mountPath` if that is set, otherwise passed as environment variables. */
export interface ConfigMapSpec {
  data: Record<string, string>
  mountPath?: string
}
