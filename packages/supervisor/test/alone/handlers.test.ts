import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { fixture, openLone } from './rig.js'

void test('handlers of every signal do not end a process that replaces itself, and answer its long polls', async (t) => {
  const env = {
    WAY: 'NestJS shutdown hooks',
    HANDOVER_PATIENCE_SECONDS: '0.5',
    HANDOVER_DRAIN_SECONDS: '60',
  }
  const service = await openLone(t, fixture('shutdown.cjs'), { env })
  await service.accepts()
  const poll = net.connect(service.port, '127.0.0.1').setEncoding('latin1')
  t.after(() => poll.destroy())
  poll.write('GET /poll HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(poll, 'connect')
  const before = service.output().length
  await service.upgrade()
  const [answer] = (await once(poll, 'data', { signal: AbortSignal.timeout(30_000) })) as [string]
  assert.match(answer, /^HTTP\/1\.1 200 [^]*again/)
  await service.untilOutputMatches(/saw SIGTERM\nsaw close\nsaw hooks/, before)
})
