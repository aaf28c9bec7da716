import type { EventBody } from '../model/index.js'
import type { Address, Listener, World } from '../ports.js'
import { describeHolder } from './explain-address.js'
import type { ServiceRuntime } from './runtime.js'

/**
 * Answers an instance that could not bind an address with the listener, if another instance of the service has it. The
 * instance waits for the answer, so who else has the address is found out after it.
 */
export function findWanted(
  world: World,
  runtime: ServiceRuntime,
  id: string,
  address: Address,
  answer: (listener: Listener | null) => void,
  report: (event: EventBody) => void,
): void {
  const { instances } = runtime.state
  const groups = instances.flatMap((instance) => world.processes.launched(instance.id)?.pid ?? [])
  const asking = instances.find((instance) => instance.id === id)
  const readyMs = asking?.state === 'ready' ? world.clock.now() - asking.since : 0
  const found = runtime.listeners.find(address, groups, readyMs)
  answer(found && found.listener)
  if (found === null) {
    const text = `it asked for ${describeHolder(world, runtime, address)}`
    report({ type: 'InstanceStatus', instance: id, text })
  } else if (found.isNew) {
    const note = `discovered ${found.listener.name} ${found.listener.address}, which ${id} asked for, too`
    report({ type: 'ListenersChanged', listeners: runtime.listeners.open(), note })
  }
}
