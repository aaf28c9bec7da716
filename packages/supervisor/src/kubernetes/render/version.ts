import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'

/** Version of a cluster: 1.29 is `{ major: 1, minor: 29 }`. */
export interface KubernetesVersion {
  major: number
  minor: number
}

export const oldestVersion: KubernetesVersion = { major: 1, minor: 20 }
export const newestVersion: KubernetesVersion = { major: 1, minor: 36 }

/** Default version: every API that it uses also exists in later ones. */
export const defaultVersion: KubernetesVersion = { major: 1, minor: 30 }

export const showVersion = ({ major, minor }: KubernetesVersion): string => `${major}.${minor}`

/** Parses `1.29`, `v1.29`, `1.29.3`, `v1.29.3-gke.100` or `1.29+`; fails with `Usage`. */
export function parseVersion(text: string): Result<KubernetesVersion> {
  const match = /^v?(\d{1,3})\.(\d{1,3})(\+|[.-].*)?$/.exec(text)
  const version = { major: Number(match?.[1]), minor: Number(match?.[2]) }
  if (match && version.major === 1 && atLeast(version, oldestVersion) && atLeast(newestVersion, version))
    return ok(version)
  return failed(
    'Usage',
    `--kubernetes-version is "${text}", wanted one from ${showVersion(oldestVersion)} to ${showVersion(newestVersion)}`,
  )
}

/** Minor versions in which each feature works without a feature gate: GA, or beta and on by default. */
const since = {
  /** PodDisruptionBudget; policy/v1beta1 was removed in 1.25. */
  'policy/v1': 21,
  /** The sysctl net.ipv4.ip_unprivileged_port_start is in the safe set. */
  unprivilegedPortSysctl: 22,
  /** HorizontalPodAutoscaler; autoscaling/v2beta2 was removed in 1.26. */
  'autoscaling/v2': 23,
  /** KEP-3243: alpha 1.25, beta 1.27. */
  matchLabelKeys: 27,
  /** KEP-3017: alpha 1.26, beta 1.27, GA 1.31. */
  unhealthyPodEvictionPolicy: 27,
  /** KEP-3960: alpha 1.29, beta 1.30, GA 1.34. */
  sleepAction: 30,
  /** KEP-4960: `lifecycle.stopSignal`, 1.33, for pods with `os.name`. */
  stopSignal: 33,
} as const

export const has = (version: KubernetesVersion, feature: keyof typeof since): boolean =>
  atLeast(version, { major: 1, minor: since[feature] })

const atLeast = (a: KubernetesVersion, b: KubernetesVersion): boolean =>
  a.major > b.major || (a.major === b.major && a.minor >= b.minor)
