import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { version } from '../dist/protocol/version.js'
import { stage } from './stage.js'

const orderly = { code: 0, signal: null }

void test('version is the one of package.json', () => {
  const manifest = createRequire(import.meta.url)('../package.json') as { version: string }
  assert.equal(version, manifest.version)
})

for (const [age, answers] of [
  [
    // It knows only ready, draining and exit, and never names a successor.
    'an older',
    [
      { type: 'welcome', version: 0 },
      ...['listening', 'adopts', 'account', 'status'].map((unknown) => ({
        type: 'error',
        message: `unknown message "${unknown}"`,
        unknown,
      })),
    ],
  ],
  ['a silent', []],
] as const) {
  void test(`drain ends connections by their last request when the supervisor is ${age} one`, async (t) => {
    const service = stage(t, 'http.cjs')
    const old = await service.start()
    for (const answer of answers) old.sendRaw(JSON.stringify(answer) + '\n')
    await service.start()
    const connection = await service.connect()
    await connection.ask('/')
    const owner = Number(connection.responses[0]?.body) === old.pid ? old : null
    const exit = old.stop()
    await old.message('draining')
    const last = await connection.ask('/')
    assert.equal(last?.headers.connection, owner === null ? 'keep-alive' : 'close')
    assert.deepEqual(await exit, orderly)
    assert.equal(
      old.messages.some(({ type }) => type === 'error'),
      false,
    )
  })
}

void test('unknown messages of a newer supervisor are answered with an error, and its successors are used', async (t) => {
  const service = stage(t, 'http.cjs')
  const old = await service.start()
  const connection = await service.connect()
  await connection.ask('/')
  const next = await service.start()
  const { path } = await next.message('adopts')
  for (const message of [
    { type: 'welcome', version: 7, instance: 'web-1', revision: 1, abilities: ['sing'] },
    { type: 'capacity', most: 100 },
    { type: 'successors', sockets: [path], weights: [1], within: 3 },
    { type: 'ticketKeys', keys: 'AAAA', algorithm: 'new' },
  ])
    old.sendRaw(JSON.stringify(message) + '\n')
  assert.deepEqual(await old.stop(), orderly)
  const errors = old.messages.flatMap((message) => (message.type === 'error' ? [message.unknown] : []))
  assert.deepEqual(errors, ['capacity'])
  assert.equal((await connection.ask('/'))?.body, String(next.pid))
  const { account } = await old.message('drained')
  assert.deepEqual([account.accepted, account.handedOver], [1, 1])
})
