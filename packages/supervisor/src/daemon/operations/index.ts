import { describeBacklog } from '../../model/index.js'
import type { Operation, StreamLine } from '../../control/api.js'
import type { SpecReader } from '../../config/reader.js'
import type { Engine } from '../../engine/index.js'
import { follow } from '../follow.js'
import { reload, roll, upgrade } from './rollouts.js'
import { each, scale, settled, stop } from './steering.js'
import type { Outcome, Task } from './task.js'

export { runningSpecs } from './rollouts.js'
export type { Outcome } from './task.js'

/** Carries out an operation, streams what happens, and resolves with the exit code. */
export async function operate(
  engine: Engine,
  source: SpecReader,
  operation: Operation,
  tell: (line: StreamLine) => void,
): Promise<Outcome> {
  const task: Task = { engine, source, tell, following: follow(engine) }
  const names = 'services' in operation ? operation.services : undefined
  const unsubscribe = engine.subscribe((event) => {
    if (names?.length && !names.includes(event.service)) return
    tell({ type: 'event', event })
  })
  try {
    const outcome = await carryOut(task, operation)
    const backlog = engine.journalBacklog()
    if (backlog) tell({ type: 'warning', text: describeBacklog(backlog, Date.now()) })
    return outcome
  } finally {
    unsubscribe()
    task.following.end()
  }
}

async function carryOut(task: Task, operation: Operation): Promise<Outcome> {
  switch (operation.type) {
    case 'upgrade':
      return upgrade(task, operation)
    case 'reload':
      return reload(task, operation.config)
    case 'undo':
      return roll(task, operation, { type: 'Undo', toRevision: operation.toRevision ?? null })
    case 'restart':
      return roll(task, operation, { type: 'Restart' })
    case 'pause':
      return each(task, operation.services, { type: 'Pause' })
    case 'resume':
      return each(task, operation.services, { type: 'Resume' })
    case 'scale':
      return scale(task, operation.replicas)
    case 'stop':
      return stop(task, operation.services)
    case 'await':
      return settled(task)
  }
}
