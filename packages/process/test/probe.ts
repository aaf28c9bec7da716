import { once } from 'node:events'
import net from 'node:net'
import { RawConnection } from './raw-client.js'

/** `200 ready` */
export async function probe(port: number, path: string): Promise<string> {
  const connection = await RawConnection.open({ port })
  const response = await connection.ask(path)
  connection.close()
  return `${response?.status} ${response?.body.trim()}`
}

/** A port that nobody uses; another process could take it in between, but none here does. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
