/** An address on which an application listens or wants to. An abstract unix path begins with a zero byte. */
export type RequestedAddress =
  { type: 'tcp' | 'udp'; host: string; port: number } | { type: 'unix'; path: string }

/**
 * How well a bound address serves a program that asks for another one: 3 for the same, 2 for a wildcard, which receives
 * more, 1 for another host with the same port. 0: not at all.
 */
export function suitability(bound: RequestedAddress, asked: RequestedAddress): 0 | 1 | 2 | 3 {
  if (bound.type === 'unix' || asked.type === 'unix')
    return bound.type === 'unix' && asked.type === 'unix' && bound.path === asked.path ? 3 : 0
  if (bound.type !== asked.type || bound.port !== asked.port) return 0
  if (bound.host === asked.host) return 3
  return isWildcard(bound.host) ? 2 : 1
}

/** Whether the kernel refuses to bind `asked` while `bound` is. Not exact for `::` and IPv4 with IPV6_V6ONLY. */
export function collides(bound: RequestedAddress, asked: RequestedAddress): boolean {
  const fit = suitability(bound, asked)
  if (fit !== 1) return fit > 0
  return asked.type !== 'unix' && isWildcard(asked.host)
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'
