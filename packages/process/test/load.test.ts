import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { App } from './app.js'
import { RawConnection, requestText } from './raw-client.js'
import { heldTcp } from './sockets.js'

const replacements = 20

/** The results of the clients. Each request has one outcome; none is sent twice. */
interface Tally {
  answered: number
  failures: string[]
}

for (const fixture of ['http.cjs', 'https.cjs', 'cluster.cjs'] as const) {
  void test(`register loses no request when ${fixture} is replaced ${replacements} times under load`, async (t) => {
    const secure = fixture === 'https.cjs'
    const listener = heldTcp()
    t.after(() => listener.close())
    let current = await startApp(t, fixture, listener)
    const tally: Tally = { answered: 0, failures: [] }
    let stopped = false
    const load = () => !stopped
    const clients = [
      ...Array.from({ length: 10 }, () => keepAlive(listener.port, secure, load, tally)),
      ...Array.from({ length: 4 }, () => pipelining(listener.port, secure, load, tally)),
      ...Array.from({ length: 4 }, () => oneShot(listener.port, secure, load, tally)),
    ]
    const exits: Promise<{ code: number | null; signal: string | null }>[] = []
    for (let i = 0; i < replacements; i++) {
      const successor = await startApp(t, fixture, listener)
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

async function startApp(t: TestContext, fixture: string, listener: ReturnType<typeof heldTcp>): Promise<App> {
  const app = await App.start(fixture, {
    listeners: { http: listener },
    env: { PORT: String(listener.port) },
  })
  t.after(() => app.dispose())
  await app.message('ready', 60_000)
  return app
}

async function keepAlive(port: number, secure: boolean, load: () => boolean, tally: Tally): Promise<void> {
  while (load()) {
    const connection = await open(port, secure, tally)
    while (connection !== null && load()) {
      const body = String(Math.random())
      const response = await connection.ask(`/echo/${body}`)
      record(tally, response?.body === body, `keep-alive: ${response?.body ?? connection.ends.join()}`)
      if (response === null || response.headers.connection === 'close') break
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
