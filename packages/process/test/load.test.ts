import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RawConnection, requestText, think } from './raw-client.js'
import { stage } from './stage.js'

/** The results of the clients. Each request has one outcome. None is sent twice. */
interface Tally {
  answered: number
  failures: string[]
}

/** At most, between two requests of a client. The average is 25 ms: 18 clients send up to 700 requests a second. */
const maxThinkMs = 50

for (const [fixture, replacements, register] of [
  ['http.cjs', 10, true],
  ['https.cjs', 5, 'bundle'],
  ['cluster.cjs', 5, 'bundle'],
] as const) {
  void test(`register loses no request when ${fixture} is replaced ${replacements} times under load`, async (t) => {
    const secure = fixture === 'https.cjs'
    const { port, start } = stage(t, fixture, { register })
    let current = await start()
    const tally: Tally = { answered: 0, failures: [] }
    let stopped = false
    const load = () => !stopped
    const clients = [
      ...Array.from({ length: 10 }, () => keepAlive(port, secure, load, tally)),
      ...Array.from({ length: 4 }, () => pipelining(port, secure, load, tally)),
      ...Array.from({ length: 4 }, () => oneShot(port, secure, load, tally)),
    ]
    const exits: Promise<{ code: number | null; signal: string | null }>[] = []
    for (let i = 0; i < replacements; i++) {
      const successor = await start()
      exits.push(current.stop())
      await current.message('draining')
      current = successor
    }
    stopped = true
    await Promise.all(clients)
    exits.push(current.stop())
    for (const exit of exits) assert.deepEqual(await exit, { code: 0, signal: null })
    assert.deepEqual(tally.failures, [])
    assert.ok(tally.answered > replacements * 10, `only ${tally.answered} requests`)
    t.diagnostic(`${fixture}: ${tally.answered} requests, ${tally.failures.length} failures`)
  })
}

async function keepAlive(port: number, secure: boolean, load: () => boolean, tally: Tally): Promise<void> {
  while (load()) {
    const connection = await open(port, secure, tally)
    while (connection !== null && load()) {
      const body = String(Math.random())
      const response = await connection.ask(`/echo/${body}`)
      record(tally, response?.body === body, `keep-alive: ${response?.body ?? connection.ends.join()}`)
      if (response === null || response.headers.connection === 'close') break
      await think(maxThinkMs)
    }
    connection?.close()
  }
}

/** Three requests in one write, then the next three. */
async function pipelining(port: number, secure: boolean, load: () => boolean, tally: Tally): Promise<void> {
  while (load()) {
    const connection = await open(port, secure, tally)
    while (connection !== null && load()) {
      const before = connection.responses.length
      connection.write(['a', 'b', 'c'].map((body) => requestText(`/echo/${body}`)).join(''))
      await connection.until(() => connection.responses.length === before + 3 || connection.ended)
      const bodies = connection.responses.slice(before).map(({ body }) => body)
      record(tally, bodies.join('') === 'abc', `pipelining: ${bodies.join()} ${connection.ends.join()}`)
      if (connection.ended || connection.responses.at(-1)?.headers.connection === 'close') break
      await think(maxThinkMs)
    }
    connection?.close()
  }
}

async function oneShot(port: number, secure: boolean, load: () => boolean, tally: Tally): Promise<void> {
  while (load()) {
    const connection = await open(port, secure, tally)
    const response = await connection?.ask('/echo/once')
    record(tally, response?.body === 'once', `one-shot: ${connection?.ends.join()}`)
    connection?.close()
    await think(maxThinkMs)
  }
}

async function open(port: number, secure: boolean, tally: Tally): Promise<RawConnection | null> {
  try {
    return await RawConnection.open({ port }, secure)
  } catch (error) {
    tally.failures.push(`connect: ${String(error)}`)
    return null
  }
}

function record(tally: Tally, good: boolean, failure: string): void {
  if (good) tally.answered++
  else tally.failures.push(failure)
}
