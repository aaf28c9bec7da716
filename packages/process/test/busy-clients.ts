import { RawConnection } from './raw-client.js'

export interface BusyClients {
  /** Resolves when `count` more requests were answered, or one failed. */
  more(count: number): Promise<void>
  stop(): Promise<{ answered: number; failures: string[]; bodies: Set<string> }>
}

/**
 * Keep-alive clients that send requests without a pause, and one that opens a connection for each request. Every
 * request has one outcome. A connection that ends is a failure.
 */
export async function keepBusy(port: number, count: number): Promise<BusyClients> {
  const failures: string[] = []
  const bodies = new Set<string>()
  let answered = 0
  let stopped = false
  let wake = () => {}
  const ask = async (connection: RawConnection): Promise<boolean> => {
    const response = await connection.ask('/').catch((error: unknown) => (failures.push(String(error)), null))
    if (response?.status === 200) answered++
    else failures.push(`no answer: ${connection.ends.join()}`)
    if (response !== null) bodies.add(response.body)
    wake()
    return response !== null
  }
  const kept = await Promise.all(Array.from({ length: count }, () => RawConnection.open({ port })))
  const talks = kept.map(async (connection) => {
    while (!stopped && (await ask(connection)));
    if (connection.ended) failures.push(`ended: ${connection.ends.join()}`)
    connection.close()
  })
  const newcomers = async () => {
    while (!stopped) {
      try {
        const connection = await RawConnection.open({ port })
        await ask(connection)
        connection.close()
      } catch (error) {
        failures.push(`connect: ${String(error)}`)
      }
    }
  }
  const all = [...talks, newcomers()]
  return {
    async more(further) {
      const wanted = answered + further
      while (answered < wanted && failures.length === 0)
        await new Promise<void>((resolve) => (wake = resolve))
    },
    async stop() {
      stopped = true
      await Promise.all(all)
      return { answered, failures, bodies }
    },
  }
}
