import { fieldOf, textOf } from './json.js'
import type { KubernetesService } from './order.js'
import type { KubernetesVersion } from './version.js'
import { has, showVersion } from './version.js'

/** The signal that stops a container: the section's own, else the service's. Undefined: the image's, else SIGTERM. */
export const podStopSignal = ({ spec, kubernetes }: KubernetesService): string | undefined =>
  textOf(fieldOf(kubernetes.container['lifecycle'], 'stopSignal')) ?? spec.lifecycle?.stopSignal

export function stopSignalNotes(service: KubernetesService, version: KubernetesVersion): string[] {
  const signal = podStopSignal(service)
  if (signal === undefined || has(version, 'stopSignal')) return []
  return [
    `lifecycle.stopSignal is "${signal}", which Kubernetes ${showVersion(version)} does not know: it is left out, wanted "STOPSIGNAL ${signal}" in the image, or version 1.33`,
  ]
}
