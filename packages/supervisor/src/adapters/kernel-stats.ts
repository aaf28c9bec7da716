import { readFileSync } from 'node:fs'
import type { KernelStats } from '../ports.js'

/** Machine-wide counters of connections that the kernel dropped at a full listen queue, since boot. */
export function kernelStats(): KernelStats {
  return {
    read() {
      const counters = readCounters('/proc/net/netstat', 'TcpExt')
      const ListenOverflows = counters?.get('ListenOverflows')
      const ListenDrops = counters?.get('ListenDrops')
      if (ListenOverflows === undefined || ListenDrops === undefined) return null
      return { ListenOverflows, ListenDrops }
    },
  }
}

/** Each group is two lines: `TcpExt: name name …` and `TcpExt: value value …`. */
function readCounters(path: string, group: string): Map<string, number> | null {
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch {
    return null // no /proc, or another network namespace's that we may not read
  }
  const [names, values] = text
    .split('\n')
    .filter((line) => line.startsWith(`${group}:`))
    .map((line) => line.split(' ').slice(1))
  if (!names || !values) return null
  return new Map(names.map((name, index) => [name, Number(values[index])]))
}
