import { join } from 'node:path'
import type { Result, Revision } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type { AdoptingProcesses, LaunchedProcess, LaunchOrder, ProcessObserver } from '../../ports.js'
import type { LaunchPlan } from '../launch/index.js'
import { firstTcpPort } from '../launch/index.js'
import { leaderWith, startTime } from '../linux/proc.js'
import { socketVariable } from './environment.js'
import { checkExecutable } from './executable.js'
import { instanceFolder } from './folder.js'
import { keepDescriptorsFromChildren } from './inherited.js'
import type { InstanceProcess } from './instance.js'
import { adoptInstance, launchInstance } from './instance.js'
import type { ProcessesOptions } from './options.js'
import { trimOutputs } from './output.js'
import { ticketKeys, ticketKeysLifetimeMs } from './ticket-keys.js'

export type { ProcessesOptions }

/** Runs each instance as the leader of its own session and process group, so that it outlives the supervisor. */
export function openProcesses(options: ProcessesOptions): AdoptingProcesses {
  keepDescriptorsFromChildren()
  const { prepare, retainLogs = 20 } = options
  const running = new Map<string, InstanceProcess>()
  const keys = ticketKeys()
  const instances = { ...options, ticketKeys: keys }
  setInterval(() => {
    keys.renew()
    for (const instance of running.values()) instance.sendTicketKeys()
  }, ticketKeysLifetimeMs).unref()

  /** Removes the instance when it has exited, and deletes the oldest log files. */
  const forgetting = ({ instance, revision }: LaunchOrder, observer: ProcessObserver): ProcessObserver => ({
    ...observer,
    exited(exit, output, left) {
      running.delete(instance)
      if (options.stdio === 'file') {
        trimOutputs(join(options.logDir, revision.spec.name), retainLogs, (id) => running.has(id))
      }
      observer.exited(exit, output, left)
    },
  })
  const keep = (instance: string, started: Result<InstanceProcess>): Result<LaunchedProcess> => {
    if (!started.ok) return started
    running.set(instance, started.value)
    const { pid, startTime, probeDir } = started.value
    return ok({ pid, startTime, probeDir })
  }

  return {
    check(revision) {
      const plan = runnable(prepare(revision, specifiedPort(revision)))
      return plan.ok ? ok({ hasLibrary: plan.value.hasLibrary }) : plan
    },
    async launch(order, observer) {
      const plan = runnable(prepare(order.revision, configuredPort(order)))
      if (!plan.ok) return plan
      return keep(
        order.instance,
        await launchInstance(instances, plan.value, order, forgetting(order, observer)),
      )
    },
    find(instance) {
      const folder = instanceFolder(options.runDir, instance)
      const pid = folder.ok ? leaderWith(socketVariable(folder.value)) : null
      const since = pid === null ? null : startTime(pid)
      return pid === null || since === null ? null : { pid, startTime: since }
    },
    async adopt(order, observer) {
      return keep(order.instance, await adoptInstance(instances, order, forgetting(order, observer)))
    },
    setSuccessors(instance, successors) {
      const alive = successors.flatMap((successor) => running.get(successor) ?? [])
      running.get(instance)?.setSuccessors(alive)
    },
    withdraw: (instance, listeners) => running.get(instance)?.withdraw(listeners),
    setAccepting: (instance, accepting) => running.get(instance)?.setAccepting(accepting),
    launched: (instance) => running.get(instance),
    exec(order) {
      const plan = runnable(prepare(order.revision, configuredPort(order)))
      const instance = running.get(order.instance)
      if (!plan.ok || instance === undefined) return plan.ok ? failed('Refused', 'it is gone') : plan
      return instance.exec(plan.value, order)
    },
    async renewSockets() {
      const renewed: string[] = []
      for (const [id, instance] of running) if (await instance.renewSockets()) renewed.push(id)
      return renewed
    },
    drain: (instance, options = {}) => running.get(instance)?.drain(options),
    kill: (instance) => running.get(instance)?.kill(),
  }
}

function runnable(plan: Result<LaunchPlan>): Result<LaunchPlan> {
  if (!plan.ok) return plan
  const executable = checkExecutable(plan.value.argv[0] ?? '')
  return executable.ok ? plan : executable
}

/** PORT is not changed by what an instance has listened on: its application may have more than one port. */
const configuredPort = ({ listeners }: LaunchOrder): number | undefined =>
  firstTcpPort(listeners.filter(({ discovered }) => !discovered))

/** The port in the spec: the listeners are not bound yet when `check` is called. */
function specifiedPort({ spec }: Revision): number | undefined {
  return Object.values(spec.listen).find((listener) => listener.type === 'tcp')?.port
}
