import type { ProbeSpec } from '../../model/index.js'
import type { Prober, ProbeTarget } from '../../ports.js'
import { execProbe } from './exec.js'
import { httpGetProbe } from './http-get.js'
import type { Outcome } from './outcome.js'
import { afterTry, begin } from './progress.js'
import { tcpSocketProbe } from './tcp-socket.js'

/** Probes instances like the kubelet: each attempt uses a new connection or process. */
export function openProber(): Prober {
  return { start }
}

function start(
  target: ProbeTarget,
  probe: ProbeSpec,
  onVerdict: (healthy: boolean, reason: string) => void,
  onTry: (healthy: boolean, reason: string) => void = () => {},
): () => void {
  const stopped = new AbortController()
  let progress = begin()
  let timer = setTimeout(run, probe.initialDelaySeconds * 1000)

  function run() {
    const startedAt = performance.now()
    void tryOnce(target, probe, stopped.signal).then(({ healthy, reason }) => {
      if (stopped.signal.aborted) return
      const step = afterTry(progress, { healthy, startedAt, endedAt: performance.now() }, probe)
      progress = step.progress
      timer = setTimeout(run, step.waitMs)
      onTry(healthy, reason)
      if (step.changed && !stopped.signal.aborted) onVerdict(healthy, reason)
    })
  }

  return () => {
    clearTimeout(timer)
    stopped.abort()
  }
}

/** One attempt. It is aborted on timeout, or when the probe is stopped. */
async function tryOnce(target: ProbeTarget, probe: ProbeSpec, stopped: AbortSignal): Promise<Outcome> {
  const { handler, timeoutSeconds, periodSeconds } = probe
  const ending = new AbortController()
  const end = () => ending.abort()
  let timer = setTimeout(end, timeoutSeconds * 1000)
  const allow = (seconds: number) => {
    clearTimeout(timer)
    timer = setTimeout(end, seconds * 1000)
  }
  stopped.addEventListener('abort', end, { once: true })
  const searchSeconds = Math.max(timeoutSeconds, periodSeconds)
  const context = { target, timeoutSeconds, searchSeconds, signal: ending.signal, allow }
  try {
    switch (handler.type) {
      case 'httpGet':
        return await httpGetProbe(handler, context)
      case 'tcpSocket':
        return await tcpSocketProbe(handler, context)
      case 'exec':
        return await execProbe(handler, context)
      case 'notify':
        throw new Error('a notify probe is never run: the instance reports readiness itself')
    }
  } finally {
    clearTimeout(timer)
    stopped.removeEventListener('abort', end)
  }
}
