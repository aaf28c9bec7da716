import type { Exit } from '../../model/index.js'
import type { ContainerStatus, Pod, Terminated } from './objects.js'
import { conditionOf } from './objects.js'

export const isReady = (pod: Pod): boolean =>
  !pod.metadata.deletionTimestamp && conditionOf(pod.status?.conditions, 'Ready')?.status === 'True'

export const containersOf = (pod: Pod): ContainerStatus[] => [
  ...(pod.status?.initContainerStatuses ?? []),
  ...(pod.status?.containerStatuses ?? []),
]

export const restartsOf = (pod: Pod): number =>
  containersOf(pod).reduce((sum, { restartCount = 0 }) => sum + restartCount, 0)

/** The first container that waits for one of these reasons, with the kubelet's message. */
export function waitingFor(
  pod: Pod,
  reasons: ReadonlySet<string>,
): { container: ContainerStatus; reason: string; message: string } | null {
  for (const container of containersOf(pod)) {
    const { reason, message = '' } = container.state?.waiting ?? {}
    if (reason !== undefined && reasons.has(reason)) return { container, reason, message }
  }
  return null
}

/** Waiting reasons of kubelet (pkg/kubelet/images/types.go, pkg/kubelet/kuberuntime): the image is not available. */
export const imageReasons: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
])

/** The container could not be created or started: a ConfigMap, a Secret or the command is missing. */
export const startReasons: ReadonlySet<string> = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
])

export const crashReasons: ReadonlySet<string> = new Set(['CrashLoopBackOff'])

/** The last abnormal end of a container, now or before its last restart. */
export function lastCrash(pod: Pod): { container: ContainerStatus; terminated: Terminated } | null {
  for (const container of containersOf(pod)) {
    const terminated = container.state?.terminated ?? container.lastState?.terminated
    if (terminated && (terminated.exitCode !== 0 || (container.restartCount ?? 0) > 0))
      return { container, terminated }
  }
  return null
}

/** Exit codes above 128 are signals, as in shells and container runtimes: 137 is SIGKILL. */
export const exitOf = ({ exitCode, signal = exitCode > 128 ? exitCode - 128 : 0 }: Terminated): Exit => ({
  code: signal === 0 ? exitCode : null,
  signal: signal === 0 ? null : (signals[signal] ?? `signal ${signal}`),
})

/** signal(7), x86 and ARM. */
const signals: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
}
