import type { Instance, InstanceStatus, ServiceState, ServiceStatus } from '../model/index.js'
import type { ServiceView } from '../engine/index.js'
import { countAvailable } from '../rollout/index.js'

/** One service as `handover status` shows it. */
export function serviceStatus(view: ServiceView, now: number): ServiceStatus {
  const { state } = view
  return {
    name: state.name,
    revision: state.target,
    replicas: state.replicas,
    ready: state.instances.filter((instance) => instance.state === 'ready').length,
    available: countAvailable(state, state.instances, now),
    paused: state.paused,
    stopping: state.stopping,
    rollout: state.rollout,
    waiting: view.waiting,
    listeners: view.listeners,
    instances: state.instances.map((instance): InstanceStatus => ({
      id: instance.id,
      pid: instance.pid,
      revision: instance.revision,
      state: instance.state,
      startedAt: instance.startedAt,
      restarts: instance.restarts,
      ...(leavesConnections(state, instance) && { accepting: false }),
      connections: instance.account?.open ?? null,
      text: view.texts.get(instance.id) ?? null,
    })),
  }
}

/** Whether it leaves new connections to other instances: by itself, or because they are steered to those. */
function leavesConnections({ instances }: ServiceState, instance: Instance): boolean {
  if (instance.state !== 'unready') return false
  const someReady = instances.some(({ state }) => state === 'ready')
  return instance.accepting === false || (instance.steered === true && someReady)
}
