import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '@handover/testkit'
import { App } from './app.js'
import { RawConnection } from './raw-client.js'
import { serve } from './stage.js'

/** As a supervisor sets it: all Node programs below the instance inherit it. */
const NODE_OPTIONS = `--require ${fileURLToPath(new URL('../dist/register.cjs', import.meta.url))}`

for (const supervised of [true, false]) {
  void test(`helpers of the application end as in plain Node when it is ${supervised ? 'an instance' : 'alone'}`, async (t) => {
    const options = { register: false, env: { NODE_OPTIONS } } as const
    const port = await freePort()
    const { app, port: served } = supervised
      ? await serve(t, 'helpers.cjs', options)
      : {
          app: await App.start(t, 'helpers.cjs', {
            unsupervised: true,
            register: false,
            env: { NODE_OPTIONS, PORT: String(port) },
          }),
          port,
        }
    await app.until(() => app.output.includes('all started'), 120)
    assert.match(app.output, /early: null SIGTERM/, 'before the application listens')
    const connection = await RawConnection.open({ port: served })
    t.after(() => connection.close())
    const ends: (string | undefined)[] = []
    for (const helper of [0, 1, 2, 3]) ends.push((await connection.ask(`/kill/${helper}`))?.body)
    assert.deepEqual(ends, ['null SIGTERM', 'null SIGTERM', '7 null', 'null SIGTERM'])
    connection.close()
    assert.deepEqual(await app.stop(), { code: 0, signal: null })
  })
}

void test('the program below a launcher drains, although the launcher has the preload as well', async (t) => {
  const port = await freePort()
  const app = await App.start(t, 'launcher.cjs', {
    unsupervised: true,
    register: false,
    env: { NODE_OPTIONS, PORT: String(port), HANDOVER_IDLE_SECONDS: '1' },
  })
  await app.until(() => app.output.includes('listens'), 120)
  const connection = await RawConnection.open({ port })
  t.after(() => connection.close())
  connection.get('/slow/700')
  const other = await RawConnection.open({ port })
  await other.ask('/') // the first request was received before this one
  other.close()
  const exit = app.stop()
  await connection.until(() => connection.responses.length === 1 || connection.ended)
  assert.equal(connection.responses[0]?.body, 'slow')
  connection.close()
  assert.deepEqual(await exit, { code: 0, signal: null })
})
