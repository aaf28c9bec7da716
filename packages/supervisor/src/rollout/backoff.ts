/**
 * Kubelet's back-off of crashing containers: the first restart is at once, then 10 s, 20 s, 40 s … 300 s
 * later; ten minutes of running pay for all earlier crashes (pkg/kubelet: backOffPeriod, MaxContainerBackOff).
 */
const firstSeconds = 10
const maxSeconds = 300
const forgottenAfterSeconds = 600

/** Milliseconds to wait after a crash that came after `crashes` earlier ones. */
export const backOffMs = (crashes: number): number =>
  crashes === 0 ? 0 : Math.min(firstSeconds * 2 ** (crashes - 1), maxSeconds) * 1000

/** How many earlier crashes still count when a process that ran this long has crashed. */
export const remembered = (crashes: number, ranMs: number): number =>
  ranMs >= forgottenAfterSeconds * 1000 ? 0 : crashes
