import { readFileSync } from 'node:fs'
import type { KernelStats } from '../../ports.js'

/** Counters of the connections and datagrams that the kernel dropped at a full queue, machine-wide since boot. */
export function kernelStats(): KernelStats {
  return {
    read() {
      const counters = readCounters('/proc/net/netstat', 'TcpExt')
      const ListenOverflows = counters?.get('ListenOverflows')
      const ListenDrops = counters?.get('ListenDrops')
      if (ListenOverflows === undefined || ListenDrops === undefined) return null
      const udp = readCounters('/proc/net/snmp', 'Udp')?.get('RcvbufErrors') ?? 0
      return { ListenOverflows, ListenDrops, UdpRcvbufErrors: udp + readUdp6RcvbufErrors() }
    },
  }
}

/** Each line is one counter: `Udp6RcvbufErrors 0`. The file does not exist on a machine without IPv6. */
function readUdp6RcvbufErrors(): number {
  return Number(/^Udp6RcvbufErrors\s+(\d+)$/m.exec(readText('/proc/net/snmp6') ?? '')?.[1] ?? 0)
}

/** Each group has two lines: `TcpExt: name name …` and `TcpExt: value value …`. */
function readCounters(path: string, group: string): Map<string, number> | null {
  const text = readText(path)
  if (text === null) return null
  const [names, values] = text
    .split('\n')
    .filter((line) => line.startsWith(`${group}:`))
    .map((line) => line.split(' ').slice(1))
  if (!names || !values) return null
  return new Map(names.map((name, index) => [name, Number(values[index])]))
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null // no /proc, or no permission to read it
  }
}
