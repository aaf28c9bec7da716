import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks'
import { defaultTimeoutMs, type LoadOptions } from './options.js'
import { startProcessSamples } from './process-samples.js'
import type { LoadContext } from './recorded-connection.js'
import { Recorder } from './recorder.js'
import type { LoadReport } from './report.js'
import { startWorkloads } from './workloads.js'

export interface Load {
  /** The account so far. */
  report(): LoadReport
  /** An upgrade begins. Upgrades are counted from 1. */
  markUpgradeStart(upgrade: number): void
  /** The upgrade was reported done. On a connection opened from now on, no older version may answer. */
  markUpgradeDone(upgrade: number): void
  /** The upgrade failed. Answers from older versions are still right. */
  markUpgradeFailed(upgrade: number): void
  /** Sends no further request, waits at most `timeoutMs` for those in flight, and resolves with the final account. */
  stop(): Promise<LoadReport>
  /** Resolves with the final account after `stop` or, with `stopAtFirstFailure`, after the first failure. */
  readonly finished: Promise<LoadReport>
}

const lagResolutionMs = 10

/** Starts all workloads. They run until `stop`. */
export function startLoad(options: LoadOptions): Load {
  const { timeoutMs = defaultTimeoutMs } = options
  let resolve: (report: LoadReport) => void
  const finished = new Promise<LoadReport>((resolved) => (resolve = resolved))
  const lag = monitorEventLoopDelay({ resolution: lagResolutionMs })
  lag.enable()
  const recorder = new Recorder(options, () => {
    if (options.stopAtFirstFailure === true) stop()
  })
  const context: LoadContext = { options, recorder, connections: new Set() }
  const stopWorkloads = startWorkloads(context)
  const sampleProcesses = options.identifyByProcess && startProcessSamples(context, options.identifyByProcess)
  let stopping = false
  const sweep = setInterval(
    () => {
      const now = performance.now()
      for (const { connection } of context.connections) connection.expire(now)
      if (stopping && recorder.inFlight === 0) finish()
    },
    Math.min(100, timeoutMs / 4),
  )

  function stop(): void {
    if (stopping) return
    stopping = true
    // A session waits for its answer. One without a request in flight closes its connection at once.
    stopWorkloads()
  }

  function finish(): void {
    clearInterval(sweep)
    lag.disable()
    recorder.finish()
    for (const { connection } of context.connections) connection.close()
    resolve(recorder.report(lagFigures(lag)))
  }

  return {
    report: () => recorder.report(lagFigures(lag)),
    markUpgradeStart: (upgrade) => recorder.timeline.markStart(upgrade, recorder.elapsed()),
    markUpgradeDone(upgrade) {
      recorder.timeline.markEnd(upgrade, recorder.elapsed(), true)
      if (!stopping) sampleProcesses?.()
    },
    markUpgradeFailed: (upgrade) => recorder.timeline.markEnd(upgrade, recorder.elapsed(), false),
    stop() {
      stop()
      return finished
    },
    finished,
  }
}

/** The histogram has the times between two ticks. The part above the resolution is lag. */
function lagFigures(histogram: IntervalHistogram): LoadReport['client'] {
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - lagResolutionMs)
  if (histogram.count === 0) return { lagP99Ms: 0, lagMaxMs: 0 }
  return { lagP99Ms: late(histogram.percentile(99)), lagMaxMs: late(histogram.max) }
}
