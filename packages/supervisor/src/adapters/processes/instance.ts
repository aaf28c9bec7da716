import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { bufferedObserver } from '../../buffered-observer.js'
import type { Result, ServiceSpec } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import type {
  AdoptOrder,
  DrainOptions,
  LaunchedProcess,
  LaunchOrder,
  Listener,
  ProcessObserver,
} from '../../ports.js'
import type { LaunchPlan } from '../launch/index.js'
import { adoptProcess } from './adopt.js'
import { advice } from './advice.js'
import { instanceEnvironment } from './environment.js'
import { lastLines, openOutput } from './output.js'
import type { OwnSockets } from './own-sockets.js'
import { watchOwnSockets } from './own-sockets.js'
import type { OutsideDrain } from './outside.js'
import { drainFromOutside } from './outside.js'
import type { InstanceReports } from './reports.js'
import { instanceReports } from './reports.js'
import type { InstanceResources, InstancesOptions } from './resources.js'
import { createResources, releaseResources, restoreResources } from './resources.js'
import type { LiveProcess, StopPolicy } from './spawn.js'
import { becameProgram, couldNotExecute, spawnDetached } from './spawn.js'
import { killGroup } from './stop.js'

/** How long an adopted instance may take to reconnect. Its library tries several times a second. */
const reconnectMs = 1000

/** Starts the program. Resolves once it is executed; the observer is called only after that. */
export async function launchInstance(
  options: InstancesOptions,
  plan: LaunchPlan,
  order: LaunchOrder,
  observer: ProcessObserver,
): Promise<Result<InstanceProcess>> {
  const buffered = bufferedObserver({
    ...observer,
    exited: (exit, output, left) =>
      observer.exited(exit, [...output, ...advice(plan, order.listeners, output)], left),
  })
  const reports = instanceReports(inodesOf(order), buffered.observer)
  const resources = await createResources(options, plan, order, reports)
  if (!resources.ok) return resources
  const lost = (reason: string) => options.log?.(`${order.instance}: ${reason}`)
  const started = await start(resources.value, plan, order, stopPolicy(order, reports), lost)
  if (!started.ok) {
    await releaseResources(resources.value)
    return started
  }
  setImmediate(buffered.release) // by then the caller has seen the result
  return ok(new InstanceProcess(started.value, resources.value, reports, buffered.observer, order))
}

/** Takes over an instance that an earlier supervisor launched. Opens new sockets at the same paths. */
export async function adoptInstance(
  options: InstancesOptions,
  order: AdoptOrder,
  observer: ProcessObserver,
): Promise<Result<InstanceProcess>> {
  const buffered = bufferedObserver(observer)
  const reports = instanceReports(inodesOf(order), buffered.observer)
  if (order.replacing) reports.expectExec(order.revision.number, { byEarlierSupervisor: true })
  const resources = await restoreResources(options, order, reports)
  if (!resources.ok) return resources
  if (resources.value.output) resources.value.output.start = 0 // where this run's output begins is unknown
  const adopted = adoptProcess(order.pid, order.startTime, stopPolicy(order, reports))
  if (!adopted.ok) {
    await releaseResources(resources.value)
    return adopted
  }
  const instance = new InstanceProcess(adopted.value, resources.value, reports, buffered.observer, order)
  if (order.awaitReconnect) {
    const timeout = delay(reconnectMs, undefined, { ref: false })
    await Promise.race([reports.ready, adopted.value.exit, timeout])
  }
  setImmediate(buffered.release)
  return ok(instance)
}

const stopPolicy = ({ revision }: LaunchOrder, reports: InstanceReports): StopPolicy => ({
  serves: (pid) => reports.isConnected(pid),
  limitMs: revision.spec.terminationGracePeriodSeconds * 1000,
})

const inodesOf = ({ listeners }: LaunchOrder) => new Set(listeners.map(({ inode }) => inode))

async function start(
  { folder, output }: InstanceResources,
  plan: LaunchPlan,
  order: LaunchOrder,
  policy: StopPolicy,
  onOutputLost: (reason: string) => void,
): Promise<Result<LiveProcess>> {
  const env = instanceEnvironment(plan.env, order, folder)
  const fds = order.listeners.map(({ fd }) => fd)
  const log = output && openOutput(output, onOutputLost)
  const spawned = await spawnDetached({ ...plan, env }, log ?? 'inherit', fds, policy)
  if (log !== null) closeSync(log)
  if (!spawned.ok || (await becameProgram(spawned.value))) return spawned
  const printed = output && lastLines(output)
  if (!couldNotExecute(await spawned.value.exit, printed)) return spawned // The program ran, and has already exited.
  return failed('CannotStart', `"${plan.argv[0]}" could not be executed`, printed ?? [])
}

/**
 * The process of one instance:
 *
 *     (launchInstance, adoptInstance) ──► running ──► draining ──► exited
 *                                            └─────────────────────▲
 */
export class InstanceProcess implements LaunchedProcess {
  readonly pid: number
  readonly startTime: string
  readonly probeDir: string
  readonly #process: LiveProcess
  readonly #resources: InstanceResources
  readonly #reports: InstanceReports
  readonly #observer: ProcessObserver
  readonly #listeners: Listener[]
  readonly #drainSpec: ServiceSpec['drain']
  #outside: OutsideDrain | null = null
  #state: 'running' | 'draining' | 'exited' = 'running'
  /** The successors' adoption sockets as last sent to the instance. */
  #successors: string[] = []
  readonly #ownSockets: OwnSockets

  constructor(
    process: LiveProcess,
    resources: InstanceResources,
    reports: InstanceReports,
    observer: ProcessObserver,
    order: LaunchOrder,
  ) {
    this.#observer = observer
    this.#listeners = order.listeners
    this.#drainSpec = order.revision.spec.drain
    this.pid = process.pid
    this.startTime = process.startTime
    this.probeDir = resources.folder.probes
    this.#ownSockets = watchOwnSockets(resources.folder.probes)
    this.#process = process
    this.#resources = resources
    this.#reports = reports
    void process.exit.then(async (exit) => {
      this.#state = 'exited'
      this.#outside?.stop()
      const left = reports.hasLibrary() ? null : (this.#outside?.last() ?? null)
      observer.exited(exit, await releaseResources(resources), left ?? undefined)
    })
  }

  /** Paths of the sockets where other instances can pass connections to this one. */
  adoptionSockets(): string[] {
    return this.#state === 'exited' ? [] : this.#reports.adoptionSockets()
  }

  /** Must be called before `drain`: the message is then in the instance's receive queue when the signal arrives. */
  setSuccessors(successors: InstanceProcess[]): void {
    const sockets = successors.flatMap((successor) => successor.adoptionSockets())
    if (this.#state === 'exited' || sockets.join() === this.#successors.join()) return
    this.#successors = sockets
    this.#resources.sockets.sendSuccessors(sockets)
  }

  withdraw(listeners: string[]): void {
    if (this.#state !== 'exited') this.#resources.sockets.send({ type: 'withdraw', listeners })
  }

  setAccepting(accepting: boolean): void {
    if (this.#state === 'running') this.#resources.sockets.sendAccepting(accepting)
  }

  /** Makes the instance replace its program. Fails with `Refused` if the library is not in it. */
  exec({ argv, cwd, env }: LaunchPlan, order: LaunchOrder): Result<true> {
    if (this.#state === 'exited' || !this.#reports.hasLibrary())
      return failed('Refused', 'it cannot replace its program in place: the library is not in it')
    const { folder, sockets } = this.#resources
    const { spec, number } = order.revision
    this.#reports.expectExec(number)
    sockets.setRevision(number)
    sockets.send({
      type: 'exec',
      argv,
      cwd,
      environment: instanceEnvironment(env, order, folder),
      // Less than progressDeadlineSeconds, so that the instance answers before the rollout fails.
      timeoutSeconds: Math.min(spec.drain.timeoutSeconds, spec.progressDeadlineSeconds * 0.8),
    })
    return ok(true)
  }

  /** What the kernel shows of an instance without the library is looked at until it exits, also if it is told at once. */
  drain({ signal = 'SIGTERM', atOnce = false, leaving = [] }: DrainOptions): void {
    if (this.#state !== 'running') return
    this.#state = 'draining'
    const waits = !atOnce && leaving.length > 0
    const tcp = this.#listeners.filter(({ spec }) => spec.type === 'tcp')
    if (!waits && (this.#reports.hasLibrary() || tcp.length === 0)) return this.#terminate(signal)
    const { timeoutSeconds, idleSeconds } = this.#drainSpec
    this.#outside = drainFromOutside({
      pid: this.pid,
      leaving: waits ? new Set(leaving.map(({ inode }) => inode)) : null,
      ports: new Set(tcp.map(({ address }) => Number(address.slice(address.lastIndexOf(':') + 1)))),
      answers: () => !this.#reports.hasLibrary(),
      timeoutSeconds,
      silentSeconds: idleSeconds,
      onEmpty: () => this.#reports.stoppedAccepting(),
      onSettled: (connections) => {
        if (connections && !this.#reports.hasLibrary()) this.#observer.signalled(connections)
        this.#terminate(signal)
      },
    })
  }

  #terminate(signal: string): void {
    if (this.#state === 'exited') return
    this.#process.terminate(signal)
    this.#reports.expectDrain(this.pid)
  }

  kill(): void {
    if (this.#state !== 'exited') killGroup(this.pid)
  }

  sendTicketKeys(): void {
    if (this.#state !== 'exited') this.#resources.sockets.sendTicketKeys()
  }

  /** Creates the files of its sockets again that were removed. Returns whether any was. Rejects if that fails. */
  async renewSockets(): Promise<boolean> {
    if (this.#state === 'exited') return false
    const renewed = await this.#resources.renew()
    const lost = this.#state === 'running' && this.#ownSockets.areMissing(this.adoptionSockets())
    if (lost) this.#resources.sockets.send({ type: 'renewSockets' })
    return renewed || lost
  }
}
