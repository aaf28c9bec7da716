import { RawConnection } from './raw-client.js'

/** `200 ready` */
export async function probe(port: number, path: string): Promise<string> {
  const connection = await RawConnection.open({ port })
  const response = await connection.ask(path)
  connection.close()
  return `${response?.status} ${response?.body.trim()}`
}
