import type { Command } from '../../model/index.js'
import { exitCodes } from '../../control/api.js'
import type { Outcome, Task } from './task.js'
import { done, refused, select } from './task.js'

export async function scale(task: Task, replicas: Record<string, number>): Promise<Outcome> {
  const names = select(task, Object.keys(replicas))
  if (!names.ok) return refused(names.failure)
  for (const [name, count] of Object.entries(replicas)) {
    const answer = task.engine.command(name, { type: 'Scale', replicas: count })
    if (!answer.ok) return refused(answer.failure)
  }
  await task.following.until(() => names.value.every((name) => hasItsReplicas(task, name)))
  return done
}

function hasItsReplicas({ engine }: Task, name: string): boolean {
  const state = engine.service(name)?.state
  if (!state || state.stopping) return true
  const living = state.instances.filter((instance) => instance.state !== 'draining')
  return living.length === state.replicas && living.every((instance) => instance.state === 'ready')
}

/** Drains these services and removes them once their instances have exited. */
export async function stop(task: Task, services: string[] | undefined): Promise<Outcome> {
  const { engine, following } = task
  const names = select(task, services)
  if (!names.ok) return refused(names.failure)
  for (const name of names.value) engine.command(name, { type: 'Stop' })
  const isGone = (name: string) => {
    const state = engine.service(name)?.state
    return !state || (state.stopping && state.instances.length === 0)
  }
  await following.until(() => names.value.every(isGone))
  for (const name of names.value) engine.forget(name)
  return done
}

export function each(task: Task, services: string[] | undefined, command: Command): Outcome {
  const names = select(task, services)
  if (!names.ok) return refused(names.failure)
  const failures = names.value.flatMap((name) => {
    const answer = task.engine.command(name, command)
    return answer.ok ? [] : [answer.failure]
  })
  return { exitCode: failures.length > 0 ? exitCodes.failed : exitCodes.done, failures }
}

/** Waits until no service is in a rollout. For `start`, which began all of them. */
export async function settled({ engine, following, tell }: Task): Promise<Outcome> {
  const isBusy = () =>
    engine.services().some(({ state }) => state.rollout !== null && state.rollout.phase !== 'failed')
  await following.until(() => !isBusy())
  const failures = engine.services().flatMap(({ state, receipt }) => {
    if (receipt) tell({ type: 'receipt', receipt })
    return state.rollout?.failure ? [state.rollout.failure] : []
  })
  return { exitCode: failures.length > 0 ? exitCodes.failed : exitCodes.done, failures }
}
