import type { JsonObject, KubernetesSpec, ServiceSpec } from '../../model/index.js'
import type { KubernetesVersion } from './version.js'

/** What is to be rendered. */
export interface KubernetesOrder {
  /** What the services are part of (`app.kubernetes.io/part-of`). */
  name: string
  services: KubernetesService[]
  /** Of every object; wins over the services' own. */
  namespace?: string
  /** Where the configuration's relative paths begin. */
  folder?: string
  /** The cluster's. */
  version: KubernetesVersion
}

export interface KubernetesService {
  spec: ServiceSpec
  kubernetes: KubernetesSpec
}

export interface KubernetesObject extends JsonObject {
  apiVersion: string
  kind: string
  metadata: Metadata
}

export interface Metadata extends JsonObject {
  name: string
}

/** Plain data in stable order: the same order gives the same bytes. */
export interface Rendered {
  /** In the order in which they should be applied. */
  objects: KubernetesObject[]
  /** What the configuration asks for and Kubernetes cannot do, and what may surprise: a sentence each. */
  notes: string[]
  comments: Comment[]
}

/** Says why a field is as it is, for who reads the manifests. */
export interface Comment {
  /** Index in `objects`. */
  object: number
  /** Leads to the field from the object's root. */
  path: (string | number)[]
  text: string
}
