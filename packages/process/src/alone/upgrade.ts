import path from 'node:path'
import type { Announcer } from '../announce/announcer.js'
import { HandoverError, messageOf } from '../protocol/errors.js'
import type { DrainReport } from '../protocol/lifecycle.js'
import type { ConnectionAccount } from '../protocol/account.js'
import { allWithin } from '../system/waiting.js'
import type { Candidate } from './candidate.js'
import { makeFolder, removeFolder } from '../system/folder.js'
import type { ProcessIdentity } from '../system/process-identity.js'
import { Link } from './link.js'
import { Phases } from './phases.js'
import { isBalanced, type UpgradeReceipt } from './receipt.js'

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
  draining: ProcessIdentity[]
  /** Starts the candidate, which finds us at that path. */
  start(predecessor: string): Promise<Candidate>
  /** From here on the candidate serves. */
  committed(): void
  /** Says that the candidate failed, and another attempt follows. Only for `recreate`. */
  failed(error: HandoverError): void
}

/**
 *     starting ──► ready ──► committed ──► drained
 *        │           (from here on the candidate serves)
 *        └──► failed: it is ended, and the incumbent goes on untouched
 *
 * @throws HandoverError `ERR_HANDOVER_UPGRADE_FAILED`, when the candidate is gone
 */
export async function upgrade(incumbent: Incumbent, options: UpgradeOptions): Promise<UpgradeReceipt> {
  return overLink(incumbent, options, new Phases(), replace)
}

/**
 * Stop first, then start (`Recreate` of Kubernetes): the candidate finds the addresses free. Nobody serves until one
 * is ready, so one that fails is started anew after 1, 2, 4, … 30 seconds.
 */
export async function recreate(incumbent: Incumbent, options: UpgradeOptions): Promise<UpgradeReceipt> {
  const watch = new Phases()
  options.committed()
  const rest = incumbent.announcer.handedOver()
  const drained = incumbent.drain('upgrade')
  watch.reached('stoppedAccepting')
  const report = await drained
  watch.reached('drained')
  for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
    try {
      const receipt = await overLink(incumbent, options, watch, (...means) => follow(report, ...means))
      rest()
      return receipt
    } catch (error) {
      if (!(error instanceof HandoverError)) throw error
      const again = `; nobody serves, it is started again in ${waitMs / 1000} s`
      options.failed(new HandoverError(error.code, error.message + again))
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
}

type Way = (
  incumbent: Incumbent,
  options: UpgradeOptions,
  link: Link,
  linkPath: string,
  watch: Phases,
) => Promise<UpgradeReceipt>

async function overLink(
  incumbent: Incumbent,
  options: UpgradeOptions,
  watch: Phases,
  way: Way,
): Promise<UpgradeReceipt> {
  const folder = await makeFolder().catch(fail('The upgrade could not begin'))
  try {
    const link = await Link.open(path.join(folder, 'link.sock')).catch(fail('The upgrade could not begin'))
    try {
      return await way(incumbent, options, link, path.join(folder, 'link.sock'), watch)
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
  watch: Phases,
): Promise<UpgradeReceipt> {
  const candidate = await start(incumbent, options, link, linkPath, watch)
  const report = await stepBack(incumbent, options, link, watch)
  await allWithin(settleMs, [() => link.until(() => received(link) >= report.account.handedOver)], () => {})
  return receiptOf(report, candidate, link, watch)
}

/** We are gone already. */
async function follow(report: DrainReport, ...means: Parameters<Way>): Promise<UpgradeReceipt> {
  const [incumbent, options, link, , watch] = means
  const candidate = await start(...means)
  link.say({ type: 'takeOver', draining: options.draining })
  const keys = incumbent.ticketKeys()
  if (keys !== null) link.say({ type: 'ticketKeys', keys })
  await tookOver(link)
  return receiptOf(report, candidate, link, watch)
}

/** Resolves when it is ready; one that fails is gone when this rejects. */
async function start(
  incumbent: Incumbent,
  options: UpgradeOptions,
  link: Link,
  linkPath: string,
  watch: Phases,
): Promise<Candidate> {
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
  return candidate
}

function receiptOf(report: DrainReport, candidate: Candidate, link: Link, watch: Phases): UpgradeReceipt {
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
  const rest = announcer.handedOver()
  link.say({ type: 'takeOver', draining })
  const taken = tookOver(link).then(rest)
  const adopts = link.last('adopts')
  if (adopts !== undefined) {
    follow([adopts.path])
    announcer.say(adopts) // our own predecessor, if it still drains, may as well deliver there
  }
  const drained = drain('upgrade')
  watch.reached('stoppedAccepting')
  const report = await drained
  watch.reached('drained')
  await taken
  return report
}

const tookOver = (link: Link): Promise<void> =>
  allWithin(tookOverMs, [() => link.until(() => link.last('tookOver') !== undefined)], () => {})

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

/** A successor that has no koffi says it by a program of systemd's, which takes some 10 ms to start. */
const tookOverMs = 5000
const settleMs = 500
const firstRetryMs = 1000
const longestRetryMs = 30_000
