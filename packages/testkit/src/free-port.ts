import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/**
 * A port that nobody has right now. It is below those that the kernel gives to clients (ip(7), ip_local_port_range): a
 * connection of another test's cannot get it before it is used.
 */
export async function freePort(): Promise<number> {
  const clients = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0])
  for (;;) {
    const port = await tryPort(clients > 2 * lowest ? randomInt(lowest, clients) : 0)
    if (port !== null) return port
  }
}

/** Listens there for a moment; 0: wherever the kernel likes. Null: it is in use. */
async function tryPort(wanted: number): Promise<number | null> {
  const server = createServer().listen(wanted)
  try {
    await once(server, 'listening')
  } catch {
    return null
  }
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const lowest = 10_000
