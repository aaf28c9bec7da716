import type { EventBody } from '../model/index.js'
import { isMemoryLimitEnforced } from '../rollout/index.js'
import type { World } from '../ports.js'
import type { ServiceRuntime } from './runtime.js'

interface Bounded {
  instance: string
  /** The leader of its process group. */
  pid: number
  /** Undefined: it may have as much as it likes. */
  limitBytes: number | undefined
}

/**
 * Reports that an instance is above its limit when it is to be replaced for it. Above it in the middle of a rollout,
 * or too soon after its predecessor, it is measured again until it is its turn, or until it has given memory back.
 */
export function watchMemory(
  world: World,
  runtime: ServiceRuntime,
  { instance: id, pid, limitBytes }: Bounded,
  report: (event: EventBody) => void,
): () => void {
  if (limitBytes === undefined) return () => {}
  return world.memory.watch(pid, (usedBytes) => {
    const instance = runtime.state.instances.find((candidate) => candidate.id === id)
    if (usedBytes <= limitBytes || !instance) return
    if (!isMemoryLimitEnforced(runtime.state, instance, world.clock.now())) return
    report({ type: 'InstanceExceededMemory', instance: id, usedBytes, limitBytes })
  })
}
