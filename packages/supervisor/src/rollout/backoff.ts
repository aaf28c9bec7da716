/**
 * The kubelet's back-off for crashing containers: the first restart happens at once, the next ones after 10 s, 20 s,
 * 40 s and so on, up to 300 s. Ten minutes without a crash reset it (pkg/kubelet: backOffPeriod,
 * MaxContainerBackOff).
 */
const firstSeconds = 10
const maxSeconds = 300
const resetAfterSeconds = 600

/** Milliseconds to wait after a crash. `crashes`: how many crashes preceded it. */
export const backOffMs = (crashes: number): number =>
  crashes === 0 ? 0 : Math.min(firstSeconds * 2 ** (crashes - 1), maxSeconds) * 1000

/** How many of the earlier crashes still count after the process has run for `ranMs`. */
export const countedCrashes = (crashes: number, ranMs: number): number =>
  ranMs >= resetAfterSeconds * 1000 ? 0 : crashes
