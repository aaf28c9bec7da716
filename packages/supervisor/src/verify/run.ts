import { setTimeout as wait } from 'node:timers/promises'
import { failed, ok, type Result } from '../model/index.js'
import { calibrate } from './calibrate.js'
import type { Calibration } from './calibration.js'
import { startLoad, type Load } from './load.js'
import { draw, type LoadOptions, type Range } from './options.js'
import type { FailedRequest } from './outcome.js'
import type { LoadReport } from './report.js'

export interface UpgradeResult {
  ok: boolean
  /** Milliseconds that the upgrade took, as it was reported. */
  ms: number
  message?: string
}

export interface VerifyOptions {
  /** Without `calibration`: `runVerify` calibrates. */
  load: LoadOptions
  upgrades: number
  /**
   * Upgrade once before the load and calibrate again, so that a body that is different in every release, such as one
   * with a process id, is not compared. This upgrade is not counted. Default false.
   */
  rehearse?: boolean
  /** Seconds between two upgrades. Default [0.2, 1]. */
  pauseSeconds?: Range
  /** Seconds of load before the first upgrade. Default 1. */
  warmUpSeconds?: number
  /** Seconds of load after the last upgrade, for long pauses of clients and long drains. Default 2. */
  coolDownSeconds?: number
  /** Upgrades the service, and resolves when that is reported done. Counted from 1. The rehearsal is 0. */
  upgrade(upgrade: number): Promise<UpgradeResult>
  /** Ends the run early: there is no further upgrade, and the requests in flight are waited for. */
  signal?: AbortSignal
  onProgress?(progress: VerifyProgress): void
}

export type VerifyProgress =
  | { type: 'calibrated'; paths: LoadReport['paths'] }
  /** `load.report()` gives the figures at any time from now on. */
  | { type: 'loadStarted'; load: Load }
  | { type: 'upgradeStarted'; upgrade: number }
  | { type: 'upgradeEnded'; upgrade: number; result: UpgradeResult }
  | { type: 'coolingDown' }

/** The verdict on a load and its upgrades. JSON-safe. */
export interface VerifyReport {
  passed: boolean
  /** One sentence for each reason why it did not pass. Empty if it passed. */
  reasons: string[]
  upgrades: ({ upgrade: number } & UpgradeResult)[]
  /** The first 20. */
  failures: FailedRequest[]
  load: LoadReport
}

/**
 * Calibrates, starts the load, upgrades `upgrades` times, and judges. The run has passed if no request failed, no
 * answer came from an old version after an upgrade, and every upgrade was done. It fails before the load if requests
 * fail even without an upgrade. It ends early after a failed upgrade, after an abort and, with
 * `load.stopAtFirstFailure`, after a failed request.
 */
export async function runVerify(options: VerifyOptions): Promise<Result<VerifyReport>> {
  const calibration = options.rehearse ? await rehearse(options) : await calibrate(options.load)
  if (!calibration.ok) return calibration
  options.onProgress?.({ type: 'calibrated', paths: calibration.value.paths() })
  const load = startLoad({ ...options.load, calibration: calibration.value })
  options.onProgress?.({ type: 'loadStarted', load })
  const early = new AbortController()
  void load.finished.then(() => early.abort())
  const signal = AbortSignal.any([early.signal, ...(options.signal ? [options.signal] : [])])
  try {
    const upgrades = await upgradeRepeatedly(options, load, signal)
    options.onProgress?.({ type: 'coolingDown' })
    await pause(options.coolDownSeconds ?? 2, signal)
    return ok(judge(options, upgrades, await load.stop()))
  } finally {
    // If `upgrade` threw, nothing else would stop the load.
    void load.stop()
  }
}

async function rehearse(options: VerifyOptions): Promise<Result<Calibration>> {
  const before = await calibrate(options.load)
  if (!before.ok) return before
  const { ok: upgraded, message = 'unknown reason' } = await options.upgrade(0)
  if (!upgraded) return failed('Refused', `the upgrade before the load failed: ${message}`)
  return calibrate(options.load, before.value)
}

async function upgradeRepeatedly(
  options: VerifyOptions,
  load: Load,
  signal: AbortSignal,
): Promise<VerifyReport['upgrades']> {
  const upgrades: VerifyReport['upgrades'] = []
  await pause(options.warmUpSeconds ?? 1, signal)
  for (let upgrade = 1; upgrade <= options.upgrades && !signal.aborted; upgrade++) {
    options.onProgress?.({ type: 'upgradeStarted', upgrade })
    load.markUpgradeStart(upgrade)
    const result = await options.upgrade(upgrade)
    if (result.ok) load.markUpgradeDone(upgrade)
    else load.markUpgradeFailed(upgrade)
    upgrades.push({ upgrade, ...result })
    options.onProgress?.({ type: 'upgradeEnded', upgrade, result })
    if (!result.ok) break
    if (upgrade < options.upgrades) await pause(draw(options.pauseSeconds ?? [0.2, 1]), signal)
  }
  return upgrades
}

function judge(options: VerifyOptions, upgrades: VerifyReport['upgrades'], load: LoadReport): VerifyReport {
  const reasons: string[] = []
  if (load.failed > 0) reasons.push(`${load.failed} of ${load.requests} requests failed`)
  if (load.answered === 0) reasons.push('no request was answered')
  if (load.outcomes.clientError > 0) {
    reasons.push(
      `${load.outcomes.clientError} requests could not be sent by this machine, so the result proves nothing`,
    )
  }
  for (const { upgrade, ok, message } of upgrades) {
    if (!ok) reasons.push(`upgrade ${upgrade} failed${message === undefined ? '' : `: ${message}`}`)
  }
  const done = upgrades.filter((upgrade) => upgrade.ok).length
  if (done < options.upgrades) reasons.push(`${done} of ${options.upgrades} upgrades were done`)
  return { passed: reasons.length === 0, reasons, upgrades, failures: load.failures, load }
}

/** Resolves early on abort. */
const pause = (seconds: number, signal: AbortSignal) =>
  wait(seconds * 1000, undefined, { signal }).catch(() => {})
