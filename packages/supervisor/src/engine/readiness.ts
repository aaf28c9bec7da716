import type { EventBody, ProbeSpec, ServiceSpec } from '../model/index.js'
import type { InstanceProgress, Prober, ProbeTarget } from '../ports.js'
import { startProgress, type Waiting } from './progress.js'

/**
 * Decides whether an instance is ready, from its own reports and its probes.
 *
 * - With the library or its preload: ready when it reports ready *and* its readiness probe, if any, succeeds.
 * - With a readiness probe only: ready when the probe succeeds.
 * - With neither: ready when it sends READY=1 or accepts a connection on its first TCP listener, whichever happens
 *   first. A program without a TCP listener is ready when it runs.
 */
export interface ReadinessWatch {
  /** To be called when the instance sends READY=1, or `ready` on its channel. */
  reportedReady(): void
  /** To be called when its servers, or what is known of it, change. */
  progressed(progress: InstanceProgress): void
  stop(): void
}

const acceptsOn = (port: string): ProbeSpec => ({
  handler: { type: 'tcpSocket', port },
  initialDelaySeconds: 0,
  periodSeconds: 1,
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: 3,
})

export interface ReadinessOptions {
  target: ProbeTarget
  spec: ServiceSpec
  /** Whether the library or its preload is in the instance. */
  hasLibrary: boolean
  /** Whether it was ready under an earlier supervisor. */
  wasReady: boolean
  prober: Prober
  report: (event: EventBody) => void
}

export function watchReadiness(options: ReadinessOptions): ReadinessWatch {
  const { target, spec, hasLibrary, wasReady, prober, report } = options
  const { instance } = target
  const readinessProbe = spec.readinessProbe?.handler.type === 'notify' ? undefined : spec.readinessProbe
  const mustReport = hasLibrary || spec.readinessProbe?.handler.type === 'notify'
  const firstTcp = target.listeners.find((listener) => listener.spec.type === 'tcp')
  const acceptProbe =
    !wasReady && !mustReport && !readinessProbe && firstTcp ? acceptsOn(firstTcp.name) : undefined

  let reported = wasReady
  let started = wasReady || spec.startupProbe === undefined
  let accepted = !mustReport && !acceptProbe
  let healthy = wasReady || readinessProbe === undefined
  let reason = ''
  let verdict = wasReady
  let progress: InstanceProgress | null = null
  const results: Waiting['results'] = {}
  let told = ''
  let everReady = wasReady
  const stops: (() => void)[] = []

  function judge(): void {
    const up = mustReport ? reported : readinessProbe !== undefined || reported || accepted
    const ready = started && up && healthy
    if (ready === verdict) return tell()
    verdict = ready
    everReady ||= ready
    report(
      ready ? { type: 'InstanceBecameReady', instance } : { type: 'InstanceBecameUnready', instance, reason },
    )
  }

  /** Says what it waits for, until it is ready for the first time. */
  function tell(): void {
    if (everReady) return
    const waiting = { spec, hasLibrary, started, reported, healthy, acceptProbe, mustReport, results }
    const now = startProgress(waiting, target.listeners, progress)
    if (JSON.stringify(now) === told) return
    told = JSON.stringify(now)
    report({ type: 'InstanceProgressed', instance, progress: now })
  }

  function tried(probe: keyof Waiting['results']) {
    return (_healthy: boolean, why: string) => {
      results[probe] = why
      tell()
    }
  }

  function probeReadiness(): void {
    if (readinessProbe) {
      stops.push(
        prober.start(
          target,
          readinessProbe,
          (nowHealthy, why) => {
            healthy = nowHealthy
            reason = why
            judge()
          },
          tried('readiness'),
        ),
      )
    } else if (acceptProbe) {
      const stop = prober.start(target, acceptProbe, (accepts) => {
        if (!accepts) return
        accepted = true
        stop()
        judge()
      })
      stops.push(stop)
    }
  }

  function probeLiveness(): void {
    if (!spec.livenessProbe) return
    stops.push(
      prober.start(target, spec.livenessProbe, (alive, why) => {
        if (!alive) report({ type: 'InstanceProbeFailed', instance, probe: 'liveness', reason: why })
      }),
    )
  }

  function begin(): void {
    started = true
    probeReadiness()
    probeLiveness()
    judge()
  }

  if (spec.startupProbe && !started) {
    const verdict = (up: boolean, why: string) => {
      stop()
      if (up) begin()
      else report({ type: 'InstanceProbeFailed', instance, probe: 'startup', reason: why })
    }
    const stop = prober.start(target, spec.startupProbe, verdict, tried('startup'))
    stops.push(stop)
    tell()
  } else {
    begin()
  }

  return {
    reportedReady() {
      reported = true
      judge()
    },
    progressed(now) {
      progress = now
      tell()
    },
    stop() {
      for (const stop of stops) stop()
    },
  }
}
