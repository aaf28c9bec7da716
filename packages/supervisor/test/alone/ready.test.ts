import assert from 'node:assert/strict'
import { get } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from '@handover/testkit'
import { openLone, type Lone } from './rig.js'

const program = fileURLToPath(new URL('../../test/fixtures/apps/warming-library.mjs', import.meta.url))

test('a successor accepts only when it is ready, after SIGUSR2 and when it takes over', async (t) => {
  const service = await openLone(t, program, {
    register: false,
    prepare: (folder) => ({ env: { HANDOVER_TAKEOVER: join(folder, 'takeover') } }),
  })
  await until(async () => (await status(service.port).catch(() => 0)) === 200, 'the first process is warm')
  const statuses = new Map<number, number>()
  let stopped = false
  t.after(() => (stopped = true))
  const client = async () => {
    while (!stopped) {
      const answer = await status(service.port).catch(() => 0)
      statuses.set(answer, (statuses.get(answer) ?? 0) + 1)
    }
  }
  const clients = Array.from({ length: 4 }, client)
  await service.upgrade()
  const before = service.pid()
  service.startAnother()
  await service.until((pid) => pid !== before)
  stopped = true
  await Promise.all(clients)
  assert.equal(listened(service), 3, service.output())
  t.diagnostic(`${statuses.get(200)} answered with 200`)
  assert.deepEqual([...statuses.keys()], [200])
})

const listened = (service: Lone) => service.output().split('listens').length - 1

function status(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    }).on('error', reject)
  })
}
