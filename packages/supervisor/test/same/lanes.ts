import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Event } from 'handover/model'
import { freePort, openRig, until } from '@handover/testkit'
import type { Program } from './program.js'

const player = fileURLToPath(new URL('../../test/fixtures/same/play.cjs', import.meta.url))
const preload = fileURLToPath(new URL('../../../process/dist/register.cjs', import.meta.url))

/** Programs that are played one after the other in one process. */
export type Batch = Program[]

/** `[program, actor, event, ...values]` */
export type Entry = [number, string, string, ...unknown[]]

export interface Played {
  entries: Entry[]
  /** `still running`: it was ended by the test. */
  exit: { code: number | null; signal: string | null } | 'still running'
}

/**
 * Where a batch is played. `plain`: Node without anything. `alone`: with the preload, without a supervisor. `first`:
 * the first instance of a service, whose listeners are discovered. `later`: an instance that gets the listeners that an
 * earlier one had.
 */
export type Lane = 'plain' | 'alone' | 'first' | 'later'

/** A process that has not ended by then is not going to. */
const limitSeconds = 120

interface Plan {
  file: string
  log: string
  folder: string
}

/** Plays every batch in every lane. Everything that it has started is gone when it resolves. */
export async function play(batches: Batch[], lanes: readonly Lane[]): Promise<Record<Lane, Played[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'same-'))
  const busy = createServer().listen(await freePort())
  await once(busy, 'listening')
  const { port } = busy.address() as { port: number }
  const plansOf = async (lane: Lane) => {
    const plans: Plan[] = []
    for (const [index, batch] of batches.entries())
      plans.push(await writePlan(join(folder, `${lane}-${index}`), batch, port, lane))
    return plans
  }
  try {
    const played: Partial<Record<Lane, Played[]>> = {}
    for (const lane of lanes) {
      if (lane === 'plain' || lane === 'alone') played[lane] = await playChildren(await plansOf(lane), lane)
    }
    const supervised = lanes.filter((lane) => lane === 'first' || lane === 'later')
    const plans = await Promise.all(supervised.map(async (lane) => ({ lane, plans: await plansOf(lane) })))
    Object.assign(played, supervised.length > 0 ? await playSupervised(plans) : {})
    return played as Record<Lane, Played[]>
  } finally {
    busy.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function writePlan(folder: string, batch: Batch, busy: number, lane: Lane): Promise<Plan> {
  mkdirSync(folder)
  const ports: Record<string, number> = { busy }
  for (const index of batch.keys())
    for (const name of ['p0', 'p1']) ports[`${index}.${name}`] = await freePort()
  const plan = { file: join(folder, 'plan.json'), log: join(folder, 'log'), folder }
  const starts = lane === 'later' ? ['hold', 'play'] : ['play']
  writeFileSync(plan.file, JSON.stringify({ log: plan.log, folder, ports, starts, programs: batch }))
  return plan
}

function readLog({ log }: Plan): Entry[] {
  if (!existsSync(log)) return []
  const lines = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Entry)
}

/** Three at a time: they wait more than they work. */
async function playChildren(plans: Plan[], lane: 'plain' | 'alone'): Promise<Played[]> {
  const played: Played[] = []
  const waiting = [...plans.entries()]
  const next = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift())
      played[one[0]] = await playChild(one[1], lane)
  }
  await Promise.all([next(), next(), next()])
  return played
}

async function playChild(plan: Plan, lane: 'plain' | 'alone'): Promise<Played> {
  const alone = { HANDOVER_UPGRADE_SIGNAL: 'SIGPWR', HANDOVER_DRAIN_SECONDS: '3', HANDOVER_IDLE_SECONDS: '1' }
  const child = spawn(process.execPath, [...(lane === 'alone' ? ['--require', preload] : []), player], {
    stdio: ['ignore', 'ignore', 'ignore'],
    cwd: plan.folder,
    env: { ...process.env, NODE_OPTIONS: '', PLAY: plan.file, ...(lane === 'alone' && alone) },
  })
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, limitSeconds * 1000)
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  clearTimeout(timer)
  return { entries: readLog(plan), exit: late ? 'still running' : { code, signal } }
}

type Supervised = { lane: Lane; plans: Plan[] }[]

/** One supervisor for all. A service for each batch. */
async function playSupervised(lanes: Supervised): Promise<Partial<Record<Lane, Played[]>>> {
  const rig = openRig({ name: 'same' })
  let said = ''
  try {
    const all = lanes.flatMap(({ lane, plans }) =>
      plans.map((plan, index) => ({ lane, plan, name: `${lane}-${index}` })),
    )
    const services = Object.fromEntries(
      all.map(({ lane, plan, name }) => [
        name,
        {
          command: [process.execPath, player],
          cwd: plan.folder,
          env: { PLAY: plan.file },
          strategy: { type: lane === 'later' ? 'Recreate' : 'RollingUpdate' },
          drain: { timeoutSeconds: 3, idleSeconds: 1 },
          terminationGracePeriodSeconds: 5,
        },
      ]),
    )
    const config = join(rig.folder, 'handover.config.json')
    writeFileSync(config, JSON.stringify({ services }))
    const supervisor = rig.spawn('run', config)
    supervisor.stderr?.on('data', (text) => (said += String(text)))
    supervisor.once('exit', (code) => (said += `the supervisor exited with ${code}`))
    const journal = () => readJournal(join(rig.home, 'same/journal.jsonl'))
    const holders = all.filter(({ lane }) => lane === 'later')
    const later = holders.map(({ name }) => name)
    const unready = () => {
      const events = journal()
      const isReady = (name: string) =>
        events.some(({ type, service }) => type === 'InstanceBecameReady' && service === name)
      const exited = events.find(({ type, service }) => type === 'InstanceExited' && later.includes(service))
      if (exited !== undefined) throw new Error(`${exited.service} has exited: ${JSON.stringify(exited)}`)
      return holders.filter(({ plan, name }) => !existsSync(`${plan.file}.held`) || !isReady(name))
    }
    const names = () => unready().map(({ name }) => name)
    await until(
      () => unready().length === 0,
      () => `the holders ${names().join(', ')} are ready`,
      limitSeconds,
    )
    // Programs that end fail their rollouts, which is of no interest here.
    if (later.length > 0) void rig.operate({ type: 'upgrade', services: later }).catch(() => {})
    const exitOf = ({ lane, name }: (typeof all)[number]) =>
      journal().filter((event) => event.type === 'InstanceExited' && event.service === name)[
        lane === 'later' ? 1 : 0
      ]
    await until(
      () => all.every((one) => exitOf(one) !== undefined),
      'all programs have ended',
      limitSeconds,
    ).catch(() => {})
    const played: Partial<Record<Lane, Played[]>> = {}
    for (const one of all) {
      const event = exitOf(one)
      const exit = event?.type === 'InstanceExited' ? event.exit : 'still running'
      ;(played[one.lane] ??= []).push({ entries: readLog(one.plan), exit })
    }
    return played
  } catch (error) {
    throw new Error(`the supervisor said: ${said.slice(-2000)}`, { cause: error })
  } finally {
    await rig.close()
  }
}

function readJournal(path: string): Event[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Event)
}
