import type { EventBody, ProbeSpec, ServiceSpec } from '../model/index.js'
import type { Prober, ProbeTarget } from '../ports.js'

/**
 * Joins what an instance says of itself with what its probes find into one verdict.
 *
 * - The library or the preload is in it: ready when it said so *and* its readiness probe, if any, agrees.
 * - It has a readiness probe: ready when the probe says so.
 * - Neither: ready when it says READY=1 or when it accepts a connection on its first TCP listener,
 *   whichever comes first; a program without any listener is ready when it runs.
 */
export interface ReadinessWatch {
  /** The instance said READY=1, or `ready` on its channel. */
  said(): void
  stop(): void
}

const onFirstListener = (port: string): ProbeSpec => ({
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
  /** Whether the library or the preload is in the instance. */
  speaks: boolean
  /** Whether it was known to be ready by a supervisor before this one. */
  wasReady: boolean
  prober: Prober
  report: (event: EventBody) => void
}

export function watchReadiness(options: ReadinessOptions): ReadinessWatch {
  const { target, spec, speaks, wasReady, prober, report } = options
  const { instance } = target
  const readinessProbe = spec.readinessProbe?.handler.type === 'notify' ? undefined : spec.readinessProbe
  const mustSay = speaks || spec.readinessProbe?.handler.type === 'notify'
  const firstTcp = target.listeners.find((listener) => listener.spec.type === 'tcp')
  const acceptProbe =
    !wasReady && !mustSay && !readinessProbe && firstTcp ? onFirstListener(firstTcp.name) : undefined

  let said = wasReady
  let started = wasReady || spec.startupProbe === undefined
  let accepted = !mustSay && !acceptProbe
  let healthy = wasReady || readinessProbe === undefined
  let reason = ''
  let verdict = wasReady
  const stops: (() => void)[] = []

  function judge(): void {
    const spoken = mustSay ? said : readinessProbe !== undefined || said || accepted
    const ready = started && spoken && healthy
    if (ready === verdict) return
    verdict = ready
    report(
      ready ? { type: 'InstanceBecameReady', instance } : { type: 'InstanceBecameUnready', instance, reason },
    )
  }

  function probeReadiness(): void {
    if (readinessProbe) {
      stops.push(
        prober.start(target, readinessProbe, (nowHealthy, why) => {
          healthy = nowHealthy
          reason = why
          judge()
        }),
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
    const stop = prober.start(target, spec.startupProbe, (up, why) => {
      stop()
      if (up) begin()
      else report({ type: 'InstanceProbeFailed', instance, probe: 'startup', reason: why })
    })
    stops.push(stop)
  } else {
    begin()
  }

  return {
    said() {
      said = true
      judge()
    },
    stop() {
      for (const stop of stops) stop()
    },
  }
}
