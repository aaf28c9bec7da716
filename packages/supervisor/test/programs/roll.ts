import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { freePort, openRig, until } from '@handover/testkit'
import type { Rig } from '@handover/testkit'
import type { ServiceHistory } from '../../dist/control/api.js'
import type { Figures, Rates } from './load.js'
import { startLoad } from './load.js'
import type { Program } from './program.js'
import { pages, slowMs } from './program.js'

const rolls = Number(process.env.HANDOVER_TEST_ROLLS ?? 20)
const defaultRates: Rates = { newPerSecond: 30, kept: 20, pauseMs: 600 }

/** A test for each program. They run one after the other. `HANDOVER_TEST_ROLLS` sets another number of upgrades. */
export function rollEach(programs: Program[]): void {
  for (const program of programs)
    test(`${program.name} is upgraded ${rolls} times under load, and nothing is lost`, async (t) => {
      const missing = program.missing()
      if (missing !== null) return t.skip(missing)
      await roll(t, program)
    })
}

async function roll(t: TestContext, program: Program): Promise<void> {
  const rig = openRig()
  t.after(() => rig.close())
  const place = { folder: rig.folder, port: await freePort(), backend: await startBackend(t) }
  const { replicas = 1, ...service } = program.service(place)
  const web = { ...service, replicas, revisionHistoryLimit: rolls + 1 }
  writeFileSync(join(rig.folder, 'handover.config.json'), JSON.stringify({ services: { web } }))
  const started = await rig.handover('start')
  assert.equal(started.code, 0, started.stderr)

  const load = startLoad(place.port, await program.protocol(place), { ...defaultRates, ...program.rates })
  t.after(() => load.stop())
  const begun = performance.now()
  await upgradeAgainAndAgain(rig)
  const seconds = (performance.now() - begun) / 1000
  const figures = await load.stop()
  t.diagnostic(`${program.name}: ${rolls} upgrades in ${seconds.toFixed(0)} s, ${inWords(figures)}`)
  assert.equal(figures.failed.length, 0, figures.failed.slice(0, 10).join('\n'))
  assert.ok(figures.connections > rolls && figures.keptRequests > rolls, 'there was no load')
  if (program.kept === 'served') assert.equal(figures.crossed, 0)
  await checkReceipts(rig, replicas)
}

async function upgradeAgainAndAgain(rig: Rig): Promise<void> {
  for (let roll = 1; roll <= rolls; roll++) {
    await later(Math.random() * 200)
    const { code, receipts } = await rig.operate({ type: 'upgrade' })
    assert.equal(code, 0, `upgrade ${roll}: ${JSON.stringify(receipts[0]?.failure)}`)
  }
}

/** They are whole once the old instances have exited. */
async function checkReceipts(rig: Rig, replicas: number): Promise<void> {
  const gone = async () => (await rig.status()).services[0]?.instances.length === replicas
  await until(gone, 'the old instances have exited')
  const { stdout } = await rig.handover('history', '--json')
  const [history] = JSON.parse(stdout) as ServiceHistory[]
  const receipts = history?.revisions.flatMap((revision) => revision.receipts) ?? []
  assert.equal(receipts.length, rolls + 1)
  for (const { id, killed, account, unaccounted, seen } of receipts.flatMap(({ instances }) => instances)) {
    assert.equal(killed, false, `${id} was killed`)
    assert.equal(unaccounted ?? 0, 0, `${id}: ${JSON.stringify(account)}`)
    assert.equal(seen?.left?.owing ?? 0, 0, `${id}: ${JSON.stringify(seen)}`)
  }
}

function inWords({ connections, keptRequests, failed, announced, closedIdle, crossed }: Figures): string {
  return [
    `${connections} new connections and ${keptRequests} requests on kept ones`,
    `${failed.length} failed`,
    `kept ones closed: ${announced} announced, ${closedIdle} while idle, ${crossed} of them as the client sent`,
  ].join('; ')
}

async function startBackend(t: TestContext): Promise<number> {
  const server = createServer(({ url }, response) => {
    const page = pages[url as keyof typeof pages]
    setTimeout(() => response.end(page), url === '/slow' ? slowMs : 0)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close().closeAllConnections())
  return (server.address() as AddressInfo).port
}
