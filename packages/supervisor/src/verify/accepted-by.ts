import { readdir, readFile, readlink } from 'node:fs/promises'

/** The client's end of a TCP connection. */
export interface ClientEnd {
  address: string
  port: number
}

/**
 * Which processes (`pids` and their descendants) hold the server's end of each connection, according to proc(5):
 * /proc/net/tcp has the inode of the socket, /proc/PID/fd the processes that have it open. The result has the pid
 * from `pids`, not the descendant's. A connection that no process has accepted yet has no holder.
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
  const local = `:${hexPort(serverPort)} `
  for (const line of table.split('\n')) {
    if (!line.includes(local)) continue
    const [, localEnd = '', remoteEnd = '', , , , , , , inode = '0'] = line.trim().split(/\s+/)
    const [address = '', port = ''] = remoteEnd.split(':')
    const client = byPort.get(Number.parseInt(port, 16))
    if (client === undefined || inode === '0' || !localEnd.endsWith(local.trim())) continue
    if (address.endsWith(hexAddress(client.address))) found.push([client, inode])
  }
  return found
}

const hexPort = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')

/**
 * An address as the table writes it: words of 32 bits in the machine's order, which is little-endian wherever Node
 * runs on Linux but s390x. 127.0.0.1 is 0100007F; as a v4-mapped address it stands at the end of the v6 row.
 */
function hexAddress(address: string): string {
  const v4 = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  if (v4) return [v4[4], v4[3], v4[2], v4[1]].map((byte) => hexByte(Number(byte))).join('')
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const [first, last] = [groups(head), groups(tail ?? '')]
  const zeros = Array<string>(8 - first.length - last.length).fill('0')
  const hex = [...first, ...zeros, ...last].map((group) => group.padStart(4, '0')).join('')
  const words = hex.match(/.{8}/g) ?? []
  return words
    .map((word) => (word.match(/../g) ?? []).reverse().join(''))
    .join('')
    .toUpperCase()
}

const hexByte = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0')

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

/** Targets of a process's descriptors; empty if it is gone or belongs to another user. */
async function linksOf(pid: number): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => [])
  return Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')))
}
