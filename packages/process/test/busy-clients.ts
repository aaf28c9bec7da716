import type { TestContext } from 'node:test'
import { Changes } from '@handover/testkit'
import { RawConnection, think } from './raw-client.js'

/** The average is 50 ms: 50 clients send up to 1,000 requests a second. */
const maxThinkMs = 100

export interface BusyClients {
  /** Resolves when `count` more requests were answered, or one failed. */
  more(count: number): Promise<void>
  stop(): Promise<{ answered: number; failures: string[]; bodies: Set<string> }>
}

/**
 * Keep-alive clients that send requests at short intervals, and one that opens a connection for each request. Every
 * request has one outcome. A connection that ends is a failure.
 */
export async function keepBusy(t: TestContext, port: number, count: number): Promise<BusyClients> {
  const failures: string[] = []
  const bodies = new Set<string>()
  let answered = 0
  let stopped = false
  t.after(() => (stopped = true))
  const outcomes = new Changes()
  const ask = async (connection: RawConnection): Promise<boolean> => {
    const response = await connection.ask('/').catch((error: unknown) => (failures.push(String(error)), null))
    if (response?.status === 200) answered++
    else failures.push(`no answer: ${connection.ends.join()}`)
    if (response !== null) bodies.add(response.body)
    outcomes.changed()
    return response !== null
  }
  const kept = await Promise.all(Array.from({ length: count }, () => RawConnection.open({ port })))
  const talks = kept.map(async (connection) => {
    while (!stopped && (await ask(connection))) await think(maxThinkMs)
    if (connection.ended) failures.push(`ended: ${connection.ends.join()}`)
    connection.close()
  })
  const newcomers = async () => {
    while (!stopped) {
      try {
        const connection = await RawConnection.open({ port })
        await ask(connection)
        connection.close()
        await think(maxThinkMs)
      } catch (error) {
        failures.push(`connect: ${String(error)}`)
        outcomes.changed()
      }
    }
  }
  const all = [...talks, newcomers()]
  return {
    more(further) {
      const wanted = answered + further
      const enough = () => answered >= wanted || failures.length > 0
      return outcomes.until(enough, () => `${wanted} requests answered, not ${answered}`, 60)
    },
    async stop() {
      stopped = true
      await Promise.all(all)
      return { answered, failures, bodies }
    },
  }
}
