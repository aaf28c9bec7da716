import type { Client, KubernetesObject } from '../client.js'
import type { Recorder } from './events.js'

/** What an image name stands for: a program of this machine. Nothing is unpacked, pods see the machine's own files. */
export interface Image {
  /** As ENTRYPOINT; a container's `command` replaces it. Default none. */
  entrypoint?: string[]
  /** As CMD; a container's `args` replace it. Default none. */
  cmd?: string[]
  /** As WORKDIR. Default `/`. */
  workingDir?: string
  /** As ENV. PATH is that of this process unless said. */
  env?: Record<string, string>
}

export interface Handler {
  httpGet?: {
    path?: string
    port: number | string
    host?: string
    scheme?: 'HTTP' | 'HTTPS'
    httpHeaders?: { name: string; value: string }[]
  }
  tcpSocket?: { port: number | string; host?: string }
  exec?: { command: string[] }
  sleep?: { seconds: number }
}

export interface Probe extends Handler {
  initialDelaySeconds?: number
  periodSeconds?: number
  timeoutSeconds?: number
  successThreshold?: number
  failureThreshold?: number
}

interface KeyReference {
  name: string
  key: string
  optional?: boolean
}

export interface EnvironmentVariable {
  name: string
  value?: string
  valueFrom?: {
    fieldRef?: { fieldPath: string }
    configMapKeyRef?: KeyReference
    secretKeyRef?: KeyReference
  }
}

export interface ContainerSpec {
  name: string
  image: string
  command?: string[]
  args?: string[]
  workingDir?: string
  env?: EnvironmentVariable[]
  envFrom?: {
    prefix?: string
    configMapRef?: { name: string; optional?: boolean }
    secretRef?: { name: string; optional?: boolean }
  }[]
  ports?: { name?: string; containerPort: number }[]
  startupProbe?: Probe
  readinessProbe?: Probe
  livenessProbe?: Probe
  lifecycle?: { preStop?: Handler }
}

export interface PodObject extends KubernetesObject {
  spec: {
    nodeName: string
    restartPolicy: 'Always' | 'OnFailure' | 'Never'
    terminationGracePeriodSeconds?: number
    serviceAccountName?: string
    initContainers?: ContainerSpec[]
    containers: ContainerSpec[]
    readinessGates?: { conditionType: string }[]
  }
}

/** What everything in the kubelet shares. */
export interface KubeletContext {
  client: Client
  node: string
  /** Where the logs of containers go. */
  folder: string
  images: Map<string, Image>
  events: Recorder
  /** Seconds before the second restart of a container that fails; doubled with each one after, up to 300. */
  backoffSeconds: number
}

export const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z')
