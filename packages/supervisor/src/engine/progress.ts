import type { ProbeSpec, ServiceSpec, StartProgress } from '../model/index.js'
import type { InstanceProgress, Listener } from '../ports.js'

/** What `watchReadiness` knows of an instance that is not ready yet. */
export interface Waiting {
  spec: ServiceSpec
  hasLibrary: boolean
  /** It has no startup probe, or that has succeeded. */
  started: boolean
  /** It has said that it is ready. */
  reported: boolean
  /** It has no readiness probe, or that succeeds. */
  healthy: boolean
  /** It is ready when it accepts a connection. */
  acceptProbe: ProbeSpec | undefined
  /** It has to say that it is ready. */
  mustReport: boolean
  /** The last result of each probe, as a clause. */
  results: { startup?: string; readiness?: string }
}

/** For `explain`, and for the message of a rollout that fails because of it. */
export function startProgress(
  waiting: Waiting,
  listeners: Listener[],
  progress: InstanceProgress | null,
): StartProgress {
  const { hasLibrary, reported } = waiting
  const listening = progress?.listening ?? []
  const asked = new Set(listening.map(({ listener }) => listener))
  const unasked = hasLibrary ? listeners.filter(({ name }) => !asked.has(name)) : []
  return {
    listening: hasLibrary ? listening.map(describe) : null,
    unasked: unasked.map(({ name, address }) => describe({ address, listener: name })),
    waitsFor: waitsFor(waiting, progress),
    reported,
  }
}

function waitsFor(
  { spec, started, reported, healthy, acceptProbe, mustReport, results }: Waiting,
  progress: InstanceProgress | null,
): string[] {
  const notify = spec.readinessProbe?.handler.type === 'notify'
  return [
    ...(started ? [] : [`its startup probe (${results.startup ?? 'no result yet'})`]),
    ...(mustReport && !reported ? [word(notify, progress)] : []),
    ...(acceptProbe === undefined ? [] : ['READY=1, or an accepted connection on its first TCP listener']),
    ...(healthy || !started ? [] : [`its readiness probe (${results.readiness ?? 'no result yet'})`]),
  ]
}

/** The word of the instance itself, which has not come. */
function word(notify: boolean, progress: InstanceProgress | null): string {
  if (notify && progress === null) return 'READY=1 (not sent)'
  if (progress?.calls) return 'ready() (not called)'
  return progress === null || progress.listening.length === 0
    ? 'a server that listens'
    : 'a server on one of its listeners'
}

const describe = ({ address, listener }: { address: string; listener?: string }): string =>
  listener === undefined ? address : `${address} ("${listener}")`
