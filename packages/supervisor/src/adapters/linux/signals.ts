import { constants } from 'node:os'

/** SIGRTMIN and SIGRTMAX of glibc, which the names of Kubernetes, Docker and systemd count from (signal(7)). */
const firstRealTime = 34
const lastRealTime = 64

/**
 * The number of a signal by its name, such as `SIGQUIT` or `SIGRTMIN+3`.
 * @throws RangeError for any other name
 */
export function signalNumber(name: string): number {
  const known = (constants.signals as Record<string, number>)[name]
  if (known !== undefined) return known
  const [, end, offset = '0'] = /^SIG(RTMIN|RTMAX)([+-]\d+)?$/.exec(name) ?? []
  const number = (end === 'RTMAX' ? lastRealTime : firstRealTime) + Number(offset)
  if (end !== undefined && number >= firstRealTime && number <= lastRealTime) return number
  throw new RangeError(`"${name}" is no signal, wanted a name such as "SIGTERM" or "SIGRTMIN+3"`)
}
