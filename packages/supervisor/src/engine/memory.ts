import type { EventBody } from '../model/index.js'
import { isMemoryLimitEnforced } from '../rollout/index.js'
import type { World } from '../ports.js'
import type { ServiceRuntime } from './runtime.js'

interface MemoryLimit {
  instance: string
  /** The leader of its process group. */
  pid: number
  /** Bytes. Undefined if there is no limit. */
  limitBytes: number | undefined
}

/**
 * Reports an instance above its limit once it can be replaced (see `isMemoryLimitEnforced`). Until then it is measured
 * again, and not reported if it has released the memory.
 */
export function watchMemory(
  world: World,
  runtime: ServiceRuntime,
  { instance: id, pid, limitBytes }: MemoryLimit,
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
