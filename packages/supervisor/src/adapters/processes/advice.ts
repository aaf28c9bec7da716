import type { Listener } from '../../ports.js'
import type { LaunchPlan } from '../launch/index.js'

const inUse = /EADDRINUSE|address already in use/i

/**
 * What to write when a program has failed because it bound an address that it should have got from the supervisor. Empty
 * for any other end.
 */
export function advice(
  plan: Pick<LaunchPlan, 'argv' | 'hasLibrary' | 'runsAnother'>,
  listeners: Pick<Listener, 'address'>[],
  output: string[],
): string[] {
  const text = output.join('\n')
  if (!inUse.test(text) || listeners.length === 0) return []
  const program = plan.argv[0]?.split('/').at(-1) ?? ''
  if (plan.runsAnother)
    return [
      `handover: the supervisor has bound this address, but what ${program} starts as its child does not get it, wanted "exec" before the program in the script`,
    ]
  const ports = listeners.map(({ address }) => address.slice(address.lastIndexOf(':') + 1))
  const isListener = ports.some((port) => new RegExp(`\\b${port}\\b`).test(text))
  if (!plan.hasLibrary || !isListener) return []
  return [
    `handover: the supervisor has bound this address, but what ${program} starts as its child does not get it, wanted the command of the child itself`,
  ]
}
