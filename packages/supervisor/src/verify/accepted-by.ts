import { readdir, readFile, readlink } from 'node:fs/promises'
import { ipBytes, toProcNet, toProcNetPort } from '#shared/ip-address.js'

/** The client's end of a TCP connection. */
export interface ClientEnd {
  address: string
  port: number
}

/**
 * Finds which processes (`pids` and their descendants) hold the server's end of each connection, according to
 * proc(5): /proc/net/tcp has the inode of each socket, and /proc/PID/fd shows which process has it open. The result
 * has the pid from `pids`, not that of the descendant. A connection that was not accepted yet has no holder.
 */
export async function holdersOf(
  clients: ClientEnd[],
  serverPort: number,
  pids: number[],
): Promise<Map<ClientEnd, number[]>> {
  const inodes = new Map<string, ClientEnd>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const rows = await readFile(table, 'latin1').catch(() => '')
    for (const [client, inode] of serverEnds(rows, clients, serverPort))
      inodes.set(`socket:[${inode}]`, client)
  }
  const holders = new Map<ClientEnd, number[]>(clients.map((client) => [client, []]))
  for (const pid of pids) {
    for (const member of await familyOf(pid)) {
      for (const link of await linksOf(member)) {
        const client = inodes.get(link)
        if (client !== undefined) holders.get(client)?.push(pid)
      }
    }
  }
  return holders
}

/** The rows of a /proc/net/tcp table that are the server's ends of the connections, with their inodes. */
export function serverEnds(table: string, clients: ClientEnd[], serverPort: number): [ClientEnd, string][] {
  const found: [ClientEnd, string][] = []
  const byPort = new Map(clients.map((client) => [client.port, client]))
  const local = `:${toProcNetPort(serverPort)} `
  for (const line of table.split('\n')) {
    if (!line.includes(local)) continue
    const [, localEnd = '', remoteEnd = '', , , , , , , inode = '0'] = line.trim().split(/\s+/)
    const [address = '', port = ''] = remoteEnd.split(':')
    const client = byPort.get(Number.parseInt(port, 16))
    if (client === undefined || inode === '0' || !localEnd.endsWith(local.trim())) continue
    if (address.endsWith(remoteAddress(client.address))) found.push([client, inode])
  }
  return found
}

/** The address as in the table. In a v6 row, an IPv4 address is the last part of the v4-mapped one. */
const remoteAddress = (address: string): string =>
  toProcNet(ipBytes(address.replace(/^::ffff:(?=\d+\.)/i, '')))

/** The process and all its descendants: servers such as gunicorn accept in children. */
async function familyOf(pid: number): Promise<number[]> {
  const family = [pid]
  for (const member of family) {
    const threads = await readdir(`/proc/${member}/task`).catch(() => [])
    for (const thread of threads) {
      const children = await readFile(`/proc/${member}/task/${thread}/children`, 'latin1').catch(() => '')
      family.push(...children.split(' ').filter(Boolean).map(Number))
    }
  }
  return family
}

/** Targets of a process's descriptors. Empty if the process has exited or belongs to another user. */
async function linksOf(pid: number): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => [])
  return Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))
}
