import { addresses } from '../network.js'
import type { Container, ContainerState } from './container.js'
import { now } from './types.js'
import type { PodObject } from './types.js'

export interface PodState {
  pod: PodObject
  ip: string | null
  startTime: string
  init: Container[]
  containers: Container[]
  initialized: boolean
  /** Every container is over, and none is started again. */
  over: boolean
}

interface Condition {
  type: string
  status: 'True' | 'False'
  reason?: string
  message?: string
  lastTransitionTime: string
}

/** The status of a pod as kubelet writes it; `before` keeps the times of conditions that did not change. */
export function statusOf(state: PodState, before: Map<string, Condition>): Record<string, unknown> {
  const { ip, startTime, init, containers, initialized } = state
  const unready = containers.filter(({ ready }) => !ready).map(({ spec }) => spec.name)
  const waits = unready.length === 0 ? {} : notReady(`containers with unready status: [${unready.join(' ')}]`)
  const conditions = [
    {
      type: 'Initialized',
      status: initialized,
      ...(initialized
        ? {}
        : { reason: 'ContainersNotInitialized', message: 'init containers have to end first' }),
    },
    { type: 'Ready', status: unready.length === 0, ...waits },
    { type: 'ContainersReady', status: unready.length === 0, ...waits },
    { type: 'PodScheduled', status: true },
  ].map(({ status, ...rest }): Condition => {
    const known = before.get(rest.type)
    const written = status ? 'True' : 'False'
    const lastTransitionTime = known?.status === written ? known.lastTransitionTime : now()
    const condition = { reason: '', message: '', ...rest, status: written, lastTransitionTime } as Condition
    before.set(rest.type, condition)
    return condition
  })
  return {
    phase: phaseOf(state),
    conditions,
    hostIP: addresses.host,
    ...(ip === null ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime,
    qosClass: undefined,
    initContainerStatuses: init.map(containerStatus),
    containerStatuses: containers.map(containerStatus),
  }
}

const notReady = (message: string) => ({ reason: 'ContainersNotReady', message })

function phaseOf({ containers, over }: PodState): string {
  if (over) {
    const failed = containers.some(({ state }) => state.type !== 'terminated' || state.exitCode !== 0)
    return failed ? 'Failed' : 'Succeeded'
  }
  const begun = containers.every(({ state, lastState }) => state.type !== 'waiting' || lastState !== null)
  return begun ? 'Running' : 'Pending'
}

function containerStatus({ spec, state, lastState, ready, started, restartCount, image }: Container) {
  return {
    name: spec.name,
    image: spec.image,
    imageID: image === undefined ? '' : `stand-in://${spec.image}`,
    ready,
    started,
    restartCount,
    state: written(state),
    // A strategic merge patch would keep fields of the state before.
    lastState: lastState === null ? {} : written(lastState),
  }
}

function written(state: ContainerState): Record<string, unknown> {
  const kinds = { waiting: null, running: null, terminated: null }
  const { type, ...rest } = state
  return { ...kinds, [type]: rest }
}
