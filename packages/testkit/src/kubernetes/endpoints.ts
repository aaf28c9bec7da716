import type { Client, KubernetesObject } from './client.js'
import { follow } from './follow.js'

/**
 * How long after a change of the Endpoints new connections still go where they went. kube-proxy learns of it by a
 * watch and writes its rules at most once a second (`--iptables-min-sync-period`), so up to a second passes on a node.
 */
export const proxyDelayMs = 1_000

/** What a node's kube-proxy does for one Service: it says where a new connection goes. */
export interface ServiceProxy {
  /** The ready addresses in turn; null when there is none, where a node would refuse the connection. */
  next(): { host: string; port: number } | null
  /** The addresses that `next` has now. */
  addresses(): string[]
  /** Resolves as soon as there are as many addresses. */
  reached(count: number): Promise<void>
  close(): void
}

/**
 * Follows the Endpoints of a Service (1.20's kube-proxy follows EndpointSlices, which the same controllers make of the
 * same pods) and passes every change on `delayMs` late, as one would who is always as slow as is allowed.
 */
export function followService(
  client: Client,
  namespace: string,
  name: string,
  { delayMs = proxyDelayMs, portName = '' } = {},
): ServiceProxy {
  const done = new AbortController()
  let current: { host: string; port: number }[] = []
  let turn = 0
  const waiting = new Set<() => void>()
  const timers = new Set<NodeJS.Timeout>()
  const take = (found: typeof current) => {
    current = found
    for (const look of waiting) look()
  }
  void follow(
    client,
    `/api/v1/namespaces/${namespace}/endpoints`,
    (change, endpoints) => {
      const found = change === 'deleted' ? [] : readyAddresses(endpoints, portName)
      const timer = setTimeout(() => (timers.delete(timer), take(found)), delayMs)
      timers.add(timer)
    },
    { signal: done.signal, query: `fieldSelector=metadata.name=${name}` },
  )
  return {
    next: () => (current.length === 0 ? null : (current[turn++ % current.length] ?? null)),
    addresses: () => current.map(({ host, port }) => `${host}:${port}`),
    reached: (count) =>
      new Promise((resolve) => {
        const look = () => {
          if (current.length !== count) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    close() {
      done.abort()
      for (const timer of timers) clearTimeout(timer)
    },
  }
}

interface Subset {
  addresses?: { ip: string }[]
  ports?: { name?: string; port: number }[]
}

function readyAddresses(endpoints: KubernetesObject, portName: string): { host: string; port: number }[] {
  const subsets = (endpoints['subsets'] ?? []) as Subset[]
  return subsets.flatMap(({ addresses = [], ports = [] }) => {
    const port = ports.find(({ name = '' }) => portName === '' || name === portName)?.port
    return port === undefined ? [] : addresses.map(({ ip }) => ({ host: ip, port }))
  })
}
