import type { JsonObject, KubernetesSpec, ServiceSpec } from '../../model/index.js'
import type { KubernetesVersion } from './version.js'

/** Input of the rendering. */
export interface KubernetesOrder {
  /** Value of the label `app.kubernetes.io/part-of`. */
  name: string
  services: KubernetesService[]
  /** Namespace of every object; overrides those of the services. */
  namespace?: string
  /** Relative paths of the configuration start here. */
  folder?: string
  /** Version of the cluster. */
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

/** Plain data in stable order: the same input results in the same bytes. */
export interface Rendered {
  /** In the order in which they should be applied. */
  objects: KubernetesObject[]
  /** See `notesOf`. */
  notes: string[]
  comments: Comment[]
}

/** Explains a field to readers of the manifests. */
export interface Comment {
  /** Index in `objects`. */
  object: number
  /** Path of the field in the object. */
  path: (string | number)[]
  text: string
}
