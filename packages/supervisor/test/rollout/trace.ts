import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Action, Command, Event, ServiceSpec } from '../../dist/model/index.js'
import { mebibytes } from '../../dist/model/index.js'
import { explain, reduce, initialState } from '../../dist/rollout/index.js'
import type { Simulation, Script } from './simulation.js'
import { progressLine } from './progress.js'
import { simulate } from './simulation.js'
import { listeningSpec } from './specs.js'

/** A simulation that is recorded, one line for each thing that happens. */
export interface TracedSimulation extends Simulation {
  upgrade(release: string, change?: Partial<ServiceSpec>, cause?: string): void
  /** Records the current sentences of `explain`. */
  explain(): void
}

/**
 * Plays a scenario and compares what happened with `test/rollout/traces/NAME.txt`. `UPDATE_TRACES=1`
 * rewrites the files; review the difference like code.
 *
 *     0.000  > what a user asks for
 *            event that follows, or that the simulation causes
 *          ! action that the plan decides on
 *          = figures, when they changed
 *          ? what `explain` says
 */
export function playTrace(
  name: string,
  script: Script,
  scenario: (simulation: TracedSimulation) => void,
): Simulation {
  const lines: string[] = []
  let time = ''
  let figures = ''
  const write = (mark: string, now: number, text: string) => {
    const stamp = (now / 1000).toFixed(3)
    lines.push(`${(stamp === time ? '' : stamp).padStart(10)}  ${mark} ${text}`)
    time = stamp
  }
  const simulation = simulate(script, {
    asked(command, answer, now) {
      write('>', now, commandText(command))
      if (!answer.ok) write(' ', now, `refused, ${answer.failure.code}: ${answer.failure.message}`)
    },
    event: (event) => write(' ', event.at, eventText(event)),
    step({ actions, after, now }) {
      for (const { action } of actions) write('!', now, actionText(action))
      const line = progressLine(after, now)
      if (line !== figures) write('=', now, line)
      figures = line
    },
  })
  const traced: TracedSimulation = Object.assign(Object.create(simulation) as Simulation, {
    upgrade(release: string, change: Partial<ServiceSpec> = {}, cause = 'upgrade') {
      simulation.ask({ type: 'Upgrade', revision: { spec: listeningSpec(change), release }, cause })
    },
    explain() {
      for (const sentence of explain(simulation.state, simulation.now)) write('?', simulation.now, sentence)
    },
  })
  scenario(traced)
  assert.deepEqual(
    simulation.events.reduce(reduce, initialState('web')),
    simulation.state,
    'the state is the fold of its events',
  )
  compare(name, `${lines.join('\n')}\n`)
  return simulation
}

function compare(name: string, trace: string): void {
  const file = new URL(`../../test/rollout/traces/${name}.txt`, import.meta.url)
  if (process.env.UPDATE_TRACES) writeFileSync(file, trace)
  assert.equal(trace, readFileSync(file, 'utf8'), `${name}.txt; UPDATE_TRACES=1 rewrites it`)
}

function commandText(command: Command): string {
  switch (command.type) {
    case 'Upgrade':
      return `Upgrade to ${command.revision.release} (${command.cause})`
    case 'Undo':
      return `Undo${command.toRevision === null ? '' : ` to revision ${command.toRevision}`}`
    case 'Scale':
      return `Scale to ${command.replicas}`
    default:
      return command.type
  }
}

function actionText(action: Action): string {
  switch (action.type) {
    case 'StartInstance':
      return `StartInstance ${action.instance} of revision ${action.revision}${action.restarts > 0 ? `, restart ${action.restarts}` : ''}`
    case 'DrainInstance':
      return `DrainInstance ${action.instance} (${action.reason}), ${action.graceSeconds} s`
    case 'ExecInstance':
      return `ExecInstance ${action.instance}, revision ${action.revision}`
    case 'KillInstance':
      return `KillInstance ${action.instance}`
    case 'FailRollout':
      return `FailRollout ${action.rollout}${action.rollBack ? ', roll back' : ''}: ${action.failure.message}`
    case 'CompleteRollout':
    case 'FinishRollback':
      return `${action.type} ${action.rollout}`
    case 'FinishStop':
      return action.type
  }
}

function eventText(event: Event): string {
  switch (event.type) {
    case 'RevisionCreated':
      return `RevisionCreated ${event.revision.number}: ${event.revision.release} (${event.revision.cause})`
    case 'RolloutStarted':
      return `RolloutStarted ${event.rollout}: revision ${event.from ?? '-'} to ${event.to}`
    case 'RolloutFailed':
      return `RolloutFailed ${event.rollout}: ${event.failure.message}`
    case 'ServiceScaled':
      return `ServiceScaled to ${event.replicas}`
    case 'InstanceExited':
      return `InstanceExited ${event.instance}: ${event.exit.signal ?? `code ${event.exit.code}`}`
    case 'InstanceExecFailed':
      return `InstanceExecFailed ${event.instance}${event.refused ? ', refused' : ''}: ${event.failure.message}`
    case 'InstanceStartFailed':
      return `InstanceStartFailed ${event.instance}: ${event.failure.message}`
    case 'InstanceBecameUnready':
      return `InstanceBecameUnready ${event.instance}: ${event.reason}`
    case 'InstanceProbeFailed':
      return `InstanceProbeFailed ${event.instance}: ${event.probe}, ${event.reason}`
    case 'InstanceExceededMemory':
      return `InstanceExceededMemory ${event.instance}: ${mebibytes(event.usedBytes)} of ${mebibytes(event.limitBytes)}`
    default:
      return 'instance' in event ? `${event.type} ${event.instance}` : event.type
  }
}
