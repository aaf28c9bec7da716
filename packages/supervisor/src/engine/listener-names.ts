import type { ListenerSpec, OpenListener } from '../model/index.js'

/** Whether the two cannot be bound at the same time, because they are the same address. */
export function isSamePlace(a: ListenerSpec, b: ListenerSpec): boolean {
  if (a.type === 'unix' || b.type === 'unix')
    return a.type === 'unix' && b.type === 'unix' && a.path === b.path
  return a.type === b.type && a.host === b.host && a.port === b.port && a.port !== 0
}

/** Its own name unless another listener has it; then `tcp-9090`, or with a number behind. */
export function uniqueName(
  { name, spec }: Pick<OpenListener, 'name' | 'spec'>,
  others: OpenListener[],
): string {
  const taken = new Set(others.map((other) => other.name))
  if (!taken.has(name)) return name
  const base = spec.type === 'unix' ? name : `${spec.type}-${spec.port}`
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? base : `${base.slice(0, maxLength)}-${number}`
    if (!taken.has(candidate)) return candidate
  }
}

/** A number may follow; the whole name must have at most 63 characters. */
const maxLength = 59
