import assert from 'node:assert/strict'
import type { Action, Command, Event, EventBody, Plan, Result, ServiceState } from '../../dist/model/index.js'
import {
  accept,
  initialState,
  intent,
  isMemoryLimitEnforced,
  plan,
  reduce,
} from '../../dist/rollout/index.js'

/**
 * A simulation around the pure core: it folds events, plans, reduces the intents, and answers the actions with
 * scripted events on a fake clock. At every step it checks what must never happen (see `carryOut`).
 */

/** What a process does, in milliseconds after its start or after SIGTERM. */
export interface Behaviour {
  /** If set, the command cannot be executed, for this reason. */
  cannotStart?: string
  /** Until it is ready, or null for never. Default 100. */
  readyMs?: number | null
  exit?: { afterMs: number; code?: number; signal?: string; output?: string[] }
  probeFails?: { afterMs: number; probe: 'startup' | 'liveness'; reason: string }
  /** From `afterMs` on, for `forMs`, each measurement of its memory (every 5 s) returns `usedBytes`. */
  exceeds?: { afterMs: number; forMs?: number; usedBytes: number; limitBytes: number }
  /** Becomes unready, and ready again after `forMs`. `times` defaults to 1. */
  flaps?: { afterMs: number; forMs: number; times?: number; reason: string }
  /** It cannot replace its program by this one. `refused`: it cannot execute any other program either. */
  execFails?: { message: string; refused: boolean }
  /** Until it has stopped accepting after SIGTERM, or null if it never reports that. Default 10. */
  stopAcceptingMs?: number | null
  /** Until it exits after SIGTERM, or null if it hangs. Default 50. */
  drainMs?: number | null
}

export interface ProcessFacts {
  instance: string
  revision: number
  release: string
  restarts: number
}

export type Script = (facts: ProcessFacts) => Behaviour

/** Every release behaves well, except those named here. */
export const releases =
  (special: Record<string, Behaviour>): Script =>
  ({ release }) =>
    special[release] ?? {}

export const good: Script = releases({})

export interface Step {
  before: ServiceState
  plan: Plan
  /** Each action, with the state before its intent was reduced. */
  actions: { action: Action; state: ServiceState }[]
  after: ServiceState
  now: number
}

export interface SimulationObserver {
  asked?(command: Command, answer: Result<EventBody[]>, now: number): void
  event?(event: Event): void
  step?(step: Step): void
}

interface Scheduled {
  at: number
  order: number
  process: number
  body: EventBody
}

export interface Simulation {
  readonly state: ServiceState
  readonly now: number
  readonly events: Event[]
  ask(command: Command): Result<EventBody[]>
  /** Advances the clock by milliseconds, and plays every event that is due by then. */
  advance(ms: number): void
  /** Advances the clock until nothing is scheduled or planned, or the limit has passed. */
  settle(limitMs?: number): void
}

export function simulate(script: Script, observer: SimulationObserver = {}): Simulation {
  let state = initialState('web')
  let now = 0
  let order = 0
  let process = 0
  let wakeAt: number | null = null
  let queue: Scheduled[] = []
  const events: Event[] = []
  const processes = new Map<string, { process: number; behaviour: Behaviour; draining: boolean }>()

  function happen(body: EventBody): void {
    const event: Event = { service: 'web', at: now, ...body }
    events.push(event)
    state = reduce(state, event)
    observer.event?.(event)
  }

  function replan(): void {
    const before = state
    const next = plan(state, now)
    const actions: Step['actions'] = []
    for (const action of next.actions) {
      actions.push({ action, state })
      const event: Event = { service: 'web', at: now, ...intent(action, now) }
      events.push(event)
      state = reduce(state, event)
    }
    assert.deepEqual(plan(state, now).actions, [], 'planning again after the intents has no actions')
    assert.ok(next.wakeAt === null || next.wakeAt > now, 'the next wake-up is in the future')
    wakeAt = next.wakeAt
    observer.step?.({ before, plan: next, actions, after: state, now })
    for (const { action, state: at } of actions) carryOut(action, at)
  }

  /** Applies an action to the processes, and checks that it is allowed in their state. */
  function carryOut(action: Action, at: ServiceState): void {
    switch (action.type) {
      case 'StartInstance':
        assert.ok(!processes.has(action.instance), `${action.instance} is started while it runs`)
        return start(action)
      case 'DrainInstance': {
        const running = processes.get(action.instance)
        const crashed = at.instances.find(({ id }) => id === action.instance)?.state === 'crashed'
        assert.equal(running === undefined, crashed, `${action.instance} is drained but has no process`)
        if (!running) return
        assert.ok(!running.draining, `${action.instance} gets SIGTERM twice`)
        running.draining = true
        return drain(action.instance, running.process, running.behaviour)
      }
      case 'ExecInstance': {
        const running = processes.get(action.instance)
        assert.ok(
          running && !running.draining,
          `${action.instance} should execute a program, but has no process that serves`,
        )
        return exec(action, running.process)
      }
      case 'KillInstance': {
        const running = processes.get(action.instance)
        assert.ok(running?.draining, `${action.instance} is killed without having been asked to drain`)
        forget(running.process)
        const exit = { code: null, signal: 'SIGKILL' }
        return later(1, running.process, {
          type: 'InstanceExited',
          instance: action.instance,
          exit,
          output: [],
        })
      }
      default:
        return
    }
  }

  /** The process stays, and from now on behaves like its new program. */
  function exec({ instance, revision }: Extract<Action, { type: 'ExecInstance' }>, before: number): void {
    const release = state.revisions.find(({ number }) => number === revision)?.release ?? ''
    const behaviour = script({ instance, revision, release, restarts: 0 })
    const { cannotStart, execFails = cannotStart && { message: cannotStart, refused: false } } = behaviour
    if (execFails) {
      const { message, refused } = execFails
      const failure = { code: 'ExecFailed', message } as const
      return later(1, before, { type: 'InstanceExecFailed', instance, failure, refused })
    }
    forget(before)
    const id = ++process
    processes.set(instance, { process: id, behaviour, draining: false })
    later(1, id, { type: 'InstanceExecuted', instance })
    run(instance, id, behaviour)
  }

  function start({ instance, revision, restarts }: Extract<Action, { type: 'StartInstance' }>): void {
    const release = state.revisions.find(({ number }) => number === revision)?.release ?? ''
    const behaviour = script({ instance, revision, release, restarts })
    const id = ++process
    if (behaviour.cannotStart !== undefined) {
      const failure = { code: 'CannotStart', message: behaviour.cannotStart } as const
      processes.set(instance, { process: id, behaviour, draining: false })
      return later(1, id, { type: 'InstanceStartFailed', instance, failure })
    }
    processes.set(instance, { process: id, behaviour, draining: false })
    later(1, id, { type: 'InstanceStarted', instance, pid: 1000 + id, startTime: String(id) })
    run(instance, id, behaviour)
  }

  function run(instance: string, id: number, behaviour: Behaviour): void {
    const { readyMs = 100, exit, probeFails, exceeds, flaps } = behaviour
    if (readyMs !== null) later(readyMs, id, { type: 'InstanceBecameReady', instance })
    for (let time = 1; flaps && time <= (flaps.times ?? 1); time++) {
      const unreadyMs = time * flaps.afterMs + (time - 1) * flaps.forMs
      later(unreadyMs, id, { type: 'InstanceBecameUnready', instance, reason: flaps.reason })
      later(unreadyMs + flaps.forMs, id, { type: 'InstanceBecameReady', instance })
    }
    if (probeFails) {
      const { probe, reason } = probeFails
      later(probeFails.afterMs, id, { type: 'InstanceProbeFailed', instance, probe, reason })
    }
    if (exceeds) {
      const { afterMs, forMs = 3_600_000, usedBytes, limitBytes } = exceeds
      const memory = { type: 'InstanceExceededMemory', instance, usedBytes, limitBytes } as const
      for (let ms = afterMs; ms < afterMs + forMs; ms += 5000) later(ms, id, memory)
    }
    if (exit) {
      const { code = null, signal = null, output = [] } = exit
      later(exit.afterMs, id, { type: 'InstanceExited', instance, exit: { code, signal }, output })
    }
  }

  function drain(instance: string, id: number, { stopAcceptingMs = 10, drainMs = 50 }: Behaviour): void {
    const started = queue.filter((entry) => entry.process === id && entry.body.type === 'InstanceStarted')
    forget(id)
    queue.push(...started)
    const startFails = processes.get(instance)?.behaviour.cannotStart
    if (startFails !== undefined) {
      const failure = { code: 'CannotStart', message: startFails } as const
      return later(1, id, { type: 'InstanceStartFailed', instance, failure })
    }
    if (stopAcceptingMs !== null) later(stopAcceptingMs, id, { type: 'InstanceStoppedAccepting', instance })
    if (drainMs !== null)
      later(drainMs, id, {
        type: 'InstanceExited',
        instance,
        exit: { code: 0, signal: null },
        output: [],
      })
  }

  const later = (ms: number, id: number, body: EventBody): void =>
    void queue.push({ at: now + ms, order: order++, process: id, body })

  const forget = (id: number): void => {
    queue = queue.filter((entry) => entry.process !== id)
  }

  /** Advances to the next scripted event or wake-up of the plan. Returns false if none is due by `until`. */
  function advanceOne(until: number): boolean {
    const next = queue.toSorted((a, b) => a.at - b.at || a.order - b.order)[0]
    const at = Math.min(next?.at ?? Infinity, wakeAt ?? Infinity)
    if (at > until) return false
    now = Math.max(now, at)
    if (next && next.at <= now) {
      queue = queue.filter((entry) => entry !== next)
      if ('instance' in next.body && isEnd(next.body)) {
        forget(next.process)
        processes.delete(next.body.instance)
      }
      if (isReported(next.body)) happen(next.body)
    }
    replan()
    return true
  }

  /** The engine reports an exceeded limit only if that has an effect. */
  function isReported(body: EventBody): boolean {
    if (body.type !== 'InstanceExceededMemory') return true
    const instance = state.instances.find(({ id }) => id === body.instance)
    return instance !== undefined && isMemoryLimitEnforced(state, instance, now)
  }

  return {
    get state() {
      return state
    },
    get now() {
      return now
    },
    events,
    ask(command) {
      const answer = accept(state, command, now)
      observer.asked?.(command, answer, now)
      if (answer.ok) {
        for (const body of answer.value) happen(body)
        replan()
      }
      return answer
    },
    advance(ms) {
      const until = now + ms
      while (advanceOne(until));
      now = until
    },
    settle(limitMs = 24 * 3600_000) {
      const until = now + limitMs
      while (advanceOne(until));
    },
  }
}

const isEnd = (body: EventBody): boolean =>
  body.type === 'InstanceExited' || body.type === 'InstanceStartFailed'
