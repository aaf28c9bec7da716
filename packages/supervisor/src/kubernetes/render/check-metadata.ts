import { ownLabels, namespaceOf } from './metadata.js'
import {
  isConfigMapKey,
  isLabel,
  isLabelName,
  isLabelValue,
  isServiceName,
  isVariableName,
  wantedLabel,
  wantedLabelValue,
  wantedServiceName,
} from './names.js'
import type { KubernetesOrder, KubernetesService } from './order.js'
import { textOf } from './json.js'

/** Names that the API server would refuse. */
export function metadataProblems(service: KubernetesService, order: KubernetesOrder): string[] {
  const { name } = service.spec
  const namespace = namespaceOf(service, order)
  const problems: string[] = []
  if (!isServiceName(name)) problems.push(`services.${name} is named "${name}", wanted ${wantedServiceName}`)
  if (namespace !== undefined && !isLabel(namespace))
    problems.push(
      `${order.namespace === undefined ? `services.${name}.kubernetes.namespace` : '--namespace'} is "${namespace}", wanted ${wantedLabel}`,
    )
  return [...problems, ...labelProblems(service), ...keyProblems(service)]
}

function labelProblems({ spec, kubernetes }: KubernetesService): string[] {
  const at = `services.${spec.name}.kubernetes.labels`
  return Object.entries(kubernetes.labels).flatMap(([name, value]) => {
    if (ownLabels.includes(name))
      return [`${at} has "${name}", which handover sets itself, wanted another label`]
    if (!isLabelName(name)) return [`${at} has "${name}", wanted a name such as "team" or "example.com/team"`]
    return isLabelValue(value) ? [] : [`${at}["${name}"] is "${value}", wanted ${wantedLabelValue}`]
  })
}

function keyProblems({ spec, kubernetes }: KubernetesService): string[] {
  const { configMap } = kubernetes
  const at = `services.${spec.name}`
  const variables = [...Object.keys(spec.env), ...kubernetes.env.map(({ name }) => textOf(name) ?? '')]
  const keys = Object.keys(configMap?.data ?? {})
  const isKey = (key: string) =>
    isConfigMapKey(key) && (configMap?.mountPath !== undefined || isVariableName(key))
  return [
    ...variables
      .filter((name) => !isVariableName(name))
      .map(
        (name) =>
          `${at}.env has "${name}", wanted a name of letters, digits, "_", "-" and ".", the first no digit`,
      ),
    ...keys
      .filter((key) => !isKey(key))
      .map(
        (key) =>
          `${at}.kubernetes.configMap.data has "${key}", wanted a name of letters, digits, "_", "-" and "."${configMap?.mountPath === undefined ? ', the first no digit' : ''}`,
      ),
  ]
}
