import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Announcer } from '../announcer.js'
import { HandoverError, messageOf } from '../errors.js'
import type { DrainReport } from '../lifecycle.js'
import type { ConnectionAccount, SuccessorMessage } from '../protocol.js'
import { allWithin } from '../waiting.js'
import type { Candidate } from './candidate.js'
import type { Generation } from './generations.js'
import { Link } from './link.js'
import { isBalanced, type Phase, type UpgradeReceipt } from './receipt.js'

/** What an upgrade asks of the service that is replaced. */
export interface Incumbent {
  readonly announcer: Announcer
  /** Connections move to whoever adopts at these paths. */
  follow(paths: string[]): void
  /** Accepts nothing more, and resolves when the last connection is gone. */
  drain(reason: string): Promise<DrainReport>
  /** Resolves when a drain begins that is none of ours: the candidate is not wanted any more. */
  leaving(signal: AbortSignal): Promise<string>
  /** For TLS session tickets; null where there are none. */
  ticketKeys(): string | null
}

export interface UpgradeOptions {
  timeoutMs: number
  /** How long a candidate that failed may take to end. */
  graceMs: number
  /** The earlier generations that are not gone yet, ourselves included. */
  draining: Generation[]
  /** Starts the candidate, which finds us at that path. */
  start(predecessor: string): Promise<Candidate>
  /** From here on the candidate serves. */
  committed(): void
}

/**
 *     starting ──► ready ──► committed ──► drained
 *        │           (from here on the candidate serves)
 *        └──► failed: it is ended, and the incumbent goes on untouched
 *
 * @throws HandoverError `ERR_HANDOVER_UPGRADE_FAILED`, when the candidate is gone
 */
export async function upgrade(incumbent: Incumbent, options: UpgradeOptions): Promise<UpgradeReceipt> {
  const startedAt = performance.now()
  const folder = makeFolder()
  try {
    const link = await Link.open(path.join(folder, 'link.sock')).catch(fail('The upgrade could not begin'))
    try {
      return await replace(incumbent, options, link, path.join(folder, 'link.sock'), startedAt)
    } finally {
      link.close()
    }
  } finally {
    removeFolder(folder)
  }
}

async function replace(
  incumbent: Incumbent,
  options: UpgradeOptions,
  link: Link,
  linkPath: string,
  startedAt: number,
): Promise<UpgradeReceipt> {
  const watch = new Phases(startedAt)
  link.heard = (message) => watch.heard(message)
  const candidate = await options.start(linkPath).catch(fail('The new process could not be started'))
  watch.reached('started')
  const failure = await becameReady(incumbent, options, link, candidate)
  if (failure !== null) {
    link.say({ type: 'refused', message: failure })
    await candidate.end(options.graceMs)
    throw new HandoverError('ERR_HANDOVER_UPGRADE_FAILED', withReason(failure, link))
  }
  candidate.release()
  const report = await stepBack(incumbent, options, link, watch)
  await allWithin(settleMs, [() => link.until(() => received(link) >= report.account.handedOver)], () => {})
  const account = accountOf(link)
  return {
    from: { pid: process.pid, account: report.account },
    to: { pid: candidate.pid, account },
    phases: watch.phases,
    cut: report.cut,
    balanced: isBalanced(report.account, account),
  }
}

/** Null: it is ready. Else what is wrong, in one sentence. */
async function becameReady(
  { leaving }: Incumbent,
  { timeoutMs }: UpgradeOptions,
  link: Link,
  { gone, pid }: Candidate,
): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined
  const decided = new AbortController()
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(
      () => resolve(`The new process ${pid} was not ready within ${timeoutMs / 1000} s`),
      timeoutMs,
    )
  })
  const isReady = () => link.last('ready') !== undefined
  const failure = await Promise.race([
    link.until(isReady).then(async () => (isReady() ? null : `The new process ${pid} ${await gone}`)),
    gone.then((how) => `The new process ${pid} ${how} before it was ready`),
    leaving(decided.signal).then(
      (reason) => `The service drains (${reason}), so the new process ${pid} is not wanted any more`,
    ),
    late,
  ])
  clearTimeout(timer)
  decided.abort()
  return failure
}

/** The order matters: the service manager hears of the new process from itself before we exit. */
async function stepBack(
  { announcer, drain, follow, ticketKeys }: Incumbent,
  { committed, draining }: UpgradeOptions,
  link: Link,
  watch: Phases,
): Promise<DrainReport> {
  const keys = ticketKeys()
  if (keys !== null) link.say({ type: 'ticketKeys', keys })
  committed()
  announcer.handedOver()
  link.say({ type: 'takeOver', draining })
  const adopts = link.last('adopts')
  if (adopts !== undefined) {
    follow([adopts.path])
    announcer.say(adopts) // our own predecessor, if it still drains, may as well deliver there
  }
  const drained = drain('upgrade')
  watch.reached('stoppedAccepting')
  const report = await drained
  watch.reached('drained')
  await allWithin(tookOverMs, [() => link.until(() => link.last('tookOver') !== undefined)], () => {})
  return report
}

class Phases {
  readonly phases: UpgradeReceipt['phases'] = {
    started: null,
    listening: null,
    ready: null,
    stoppedAccepting: null,
    drained: null,
  }
  readonly #startedAt: number

  constructor(startedAt: number) {
    this.#startedAt = startedAt
  }

  heard({ type }: SuccessorMessage): void {
    if (type === 'listening' || type === 'ready') this.reached(type)
  }

  reached(phase: Phase): void {
    this.phases[phase] ??= Math.round(performance.now() - this.#startedAt) / 1000
  }
}

function accountOf(link: Link): ConnectionAccount | null {
  return link.last('account')?.account ?? null
}

const received = (link: Link): number => accountOf(link)?.adopted ?? 0

function withReason(failure: string, link: Link): string {
  const said = link.last('error')?.message
  return said === undefined ? failure : `${failure}; it said: ${said}`
}

function fail(what: string): (error: unknown) => never {
  return (error) => {
    throw new HandoverError('ERR_HANDOVER_UPGRADE_FAILED', `${what}: ${messageOf(error)}`)
  }
}

/** Readable by nobody else: whoever reaches the sockets in it gets the clients' connections. */
function makeFolder(): string {
  try {
    return fs.mkdtempSync(path.join(os.tmpdir(), 'handover-'))
  } catch (error) {
    return fail('The upgrade could not begin')(error)
  }
}

function removeFolder(folder: string): void {
  try {
    fs.rmSync(folder, { recursive: true, force: true })
  } catch {
    // It is in the folder for temporary files.
  }
}

/** A successor that has no koffi says it by a program of systemd's, which takes some 10 ms to start. */
const tookOverMs = 5000
const settleMs = 500
