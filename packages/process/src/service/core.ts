import { EventEmitter } from 'node:events'
import type net from 'node:net'
import { Alone } from '../alone/alone.js'
import { takeOver } from '../alone/take-over.js'
import { AccountReports } from '../announce/account-reports.js'
import type { Announcer, Mode } from '../announce/announcer.js'
import { forgetUnused } from '../announce/descriptor-store.js'
import { openAnnouncer } from '../announce/open-announcer.js'
import type { MoveChoice } from '../connections/connection.js'
import { CarriedOver } from '../in-place/carried-over.js'
import type { ImageOptions } from '../in-place/image.js'
import { execRequested } from '../in-place/requested.js'
import { describeListener, type InheritedListener } from '../listeners/inherited.js'
import { probes, type Probes } from '../probes/handlers.js'
import { ProbeServer } from '../probes/server.js'
import type { Environment } from '../protocol/environment.js'
import { HandoverError, messageOf } from '../protocol/errors.js'
import type { DrainReport, ServiceState } from '../protocol/lifecycle.js'
import type { SupervisorMessage } from '../protocol/messages.js'
import { claimRole } from '../system/role.js'
import { ownCommandLine, type CommandLine } from '../system/command-line.js'
import type { ProcessResources } from './contract.js'
import { ServiceDrain } from './drain.js'
import type { ServiceEvents } from './events.js'
import { ServiceExec } from './exec.js'
import type { Settings } from './options.js'
import { Servers, type AcceptsWhen } from './servers.js'
import { Traffic } from './traffic.js'

/**
 * One process of a service, from starting to closed: it composes the rooms of this library. An application uses it
 * through `Service`, and the preload directly.
 */
export class ServiceCore {
  readonly settings: Settings
  readonly events: EventEmitter<ServiceEvents>
  readonly announcer: Announcer
  readonly traffic: Traffic
  readonly servers: Servers
  readonly alone: Alone
  readonly execution: ServiceExec
  readonly ending: ServiceDrain
  readonly #mode: Mode
  readonly #resources: ProcessResources
  readonly #carriedOver: CarriedOver
  readonly #reports = new AccountReports(() => this.#reportAccount())
  readonly #probeServer: ProbeServer
  #state: ServiceState = 'starting'
  #serving = false
  readonly #acceptsWhen: AcceptsWhen
  /** No supervisor says when to accept. */
  #untold = false
  /** Whether the status says which listeners are not used. */
  #saysUnused = false

  readonly warn = (message: string): void => this.emit('warning', message)

  /** `events`: where the events of the service are emitted. */
  constructor(
    settings: Settings,
    mode: Mode,
    resources: ProcessResources,
    events = new EventEmitter<ServiceEvents>(),
  ) {
    const { environment } = resources
    this.settings = settings
    this.events = events
    this.#mode = mode
    this.#resources = resources
    resources.taken ??= takeOver(settings.alone, environment)
    this.#carriedOver = new CarriedOver(environment)
    this.#acceptsWhen = acceptsWhen(environment, resources.taken !== null)
    const received = (message: SupervisorMessage) => this.#received(message)
    this.announcer = openAnnouncer(environment, mode, received, () => this.#acceptAlone(), this.generation)
    this.traffic = this.#newTraffic()
    this.servers = this.#newServers()
    const commandLine = ownCommandLine()
    this.alone = this.#newAlone(commandLine)
    this.execution = this.#newExec(commandLine)
    this.ending = this.#newDrain()
    const mayBeTaken = environment.HANDOVER_PREDECESSOR !== undefined
    this.#probeServer = new ProbeServer(settings.probes, this.probes(), this.warn, mayBeTaken)
    this.events.once('upgraded', () => void this.traffic.closing.release())
    if (mode === 'library') this.#serve()
    this.servers.resume(resources)
  }

  get state(): ServiceState {
    return this.#state
  }

  get inherited(): readonly InheritedListener[] {
    return this.servers.listeners.inherited
  }

  get generation(): number {
    return this.#carriedOver.generation
  }

  /** Milliseconds until the drain cuts the remaining connections. 0 before a drain. */
  get remainingMs(): number {
    return this.ending.remainingMs
  }

  setStatus(text: string): void {
    this.#saysUnused = false
    this.announcer.say({ type: 'status', text })
  }

  probes(): Probes {
    return probes(() => this.#state)
  }

  ready(): void {
    if (this.#state !== 'starting') return
    this.#state = 'ready'
    const unused = forgetUnused(this.announcer, this.servers.listeners.unadopted)
    const closed = this.#carriedOver.finish()
    if (closed > 0)
      this.warn(`${closed} kept connections were closed: no server listens where they came from`)
    if (unused.length > 0) this.#reportUnused(unused)
    this.#reportAccount()
    this.servers.reportBound()
    this.announcer.say({ type: 'ready' })
    if (this.#acceptsWhen !== 'told' || this.#untold) this.servers.setAccepting(true)
    this.alone.ready()
    this.emit('ready')
  }

  async exec(options: ImageOptions = {}): Promise<never> {
    this.#check(this.#state === 'ready')
    return this.execution.run(options)
  }

  drain(reason: string): Promise<DrainReport> {
    return this.ending.run(reason)
  }

  /** See `Service.move()`. */
  move(which: net.Socket | MoveChoice): void {
    if (typeof which !== 'function') return this.traffic.decideMove(which, 'moves')
    this.traffic.moveWhere(which, (error) =>
      this.warn(`The function given to move() threw: ${messageOf(error)}`),
    )
  }

  /** @throws HandoverError `ERR_HANDOVER_STATE` */
  refuseWhenDraining(): void {
    this.#check(!this.ending.begun)
  }

  emit<Name extends keyof ServiceEvents>(name: Name, ...values: ServiceEvents[Name]): void {
    ;(this.events as EventEmitter).emit(name, ...values)
    if (name === 'warning') process.emitWarning(values[0] as string, 'HandoverWarning')
  }

  /** Leaves everything to another copy of this library, see contract.ts. Returns null while this one drains. */
  retire(): ProcessResources | null {
    if (this.ending.begun) return null
    const released = this.servers.release()
    this.servers.close()
    this.#reports.stop()
    this.#probeServer.close()
    this.alone.retire()
    this.announcer.close()
    const { environment, taken = null } = this.#resources
    return { environment, taken, ...released }
  }

  /** From here on this process is a service, not one of the other programs that inherit the preload. */
  #serve(): void {
    if (this.#serving) return
    this.#serving = true
    claimRole()
    this.#probeServer.open()
    if (this.settings.tooShort !== null) this.warn(this.settings.tooShort)
  }

  #received(message: SupervisorMessage): void {
    this.alone.received(message)
    if (message.type === 'exec') void execRequested((options) => this.exec(options), message, this.announcer)
    if (message.type === 'accept') this.#accept(message.accepting)
    if (message.type === 'welcome' && message.sendsAccept !== true) this.#acceptAlone()
    // The predecessor has ended before this process was ready: no other process serves.
    if (message.type === 'takeOver') this.servers.setAccepting(true)
    if (message.type === 'ticketKeys') this.servers.ticketKeys.set(message.keys)
    if (message.type === 'withdraw') this.#withdraw(message.listeners)
    if (message.type === 'renewSockets') this.servers.renewSockets()
    if (message.type === 'successors') this.#moveTo(message.sockets.map(String))
  }

  #accept(accepting: boolean): void {
    if (this.ending.begun) return
    this.#untold = false
    const before = this.servers.gate.accepting
    const accepts = this.servers.setAccepting(accepting)
    if (this.#state === 'ready' && (accepts !== before || accepts !== accepting))
      this.announcer.say({ type: 'accepting', accepting: accepts })
  }

  /** No supervisor says when to accept: a queue that nobody empties is worse than an answer that comes too early. */
  #acceptAlone(): void {
    this.#untold = true
    if (this.#state === 'ready') this.servers.setAccepting(true)
  }

  #reportUnused(unused: InheritedListener[]): void {
    const text = unused.length > 0 ? `No server listens on ${unused.map(describeListener).join(', ')}` : ''
    this.announcer.say({ type: 'status', text })
    this.#saysUnused = unused.length > 0
  }

  #withdraw(names: string[]): void {
    this.servers.listeners.withdraw(names)
    if (this.#saysUnused) this.#reportUnused(this.servers.listeners.unadopted)
  }

  #moveTo(paths: string[]): void {
    if (this.settings.handover) this.traffic.mover.setSuccessors(paths)
  }

  #reportAccount(): void {
    this.announcer.say({ type: 'account', account: this.traffic.account })
  }

  #check(condition: boolean): void {
    if (!condition) throw new HandoverError('ERR_HANDOVER_STATE', `The service is ${this.#state}`)
  }

  #newTraffic(): Traffic {
    const { idleMs, movesAll } = this.settings
    const nameOf = (server: net.Server) => this.servers.nameOf(server)
    const traffic = new Traffic(nameOf, idleMs, () => this.remainingMs, movesAll)
    traffic.subscribe(() => this.#reports.changed())
    return traffic
  }

  #newServers(): Servers {
    const servers = new Servers(this.#resources, this.#carriedOver, this.traffic, this.announcer, {
      receives: this.settings.handover,
      acceptsWhen: this.#acceptsWhen,
      // With another strategy, a copy in systemd's store would compete with the socket of the next process.
      keepsListeners: this.settings.alone.strategy === 'inherit',
      serving: () => this.#serve(),
      listening: (...values) => {
        if (this.#saysUnused) this.#reportUnused(this.servers.listeners.unadopted)
        this.emit('listening', ...values)
      },
      warn: this.warn,
    })
    servers.arrivals.subscribe(() => this.#reportAccount())
    return servers
  }

  #newAlone(commandLine: CommandLine): Alone {
    const { environment, taken = null } = this.#resources
    return new Alone(this, this.announcer, this.servers.passed, {
      settings: this.settings.alone,
      mode: this.#mode,
      drainMs: this.settings.timeoutMs,
      environment,
      commandLine,
      takenOver: taken,
      transfers: {
        moveTo: (paths) => this.#moveTo(paths),
        ticketKeys: () => this.servers.ticketKeys.encoded,
      },
    })
  }

  #newExec(commandLine: CommandLine): ServiceExec {
    const { handover, idleMs, timeoutMs } = this.settings
    return new ServiceExec(this.traffic, this.servers, this.announcer, {
      commandLine,
      environment: this.#resources.environment,
      timeoutMs,
      idleMs,
      carriesConnections: handover,
      generation: this.generation,
      warn: this.warn,
    })
  }

  #newDrain(): ServiceDrain {
    return new ServiceDrain(this.traffic, this.alone, this.announcer, this.settings, {
      began: (reason) => {
        this.#state = 'draining'
        this.execution.abandon()
        this.servers.drainBegan()
        this.alone.drainBegan(reason)
        this.emit('draining', reason)
      },
      waiting: () => this.emit('waiting'),
      closed: () => {
        this.servers.close()
        this.alone.close()
        this.#reports.stop()
        this.traffic.connections.untrackAll()
        this.#state = 'closed'
      },
      ended: (report) => {
        // With the preload, the application's own handlers come next: until they exit, the process is alive.
        if (this.#mode === 'library') this.#probeServer.close()
        this.emit('drained', report)
      },
      warn: this.warn,
    })
  }
}

/** While another process serves, this one accepts only when it is ready. `taken`: it has taken over from another one. */
function acceptsWhen(environment: Environment, taken: boolean): AcceptsWhen {
  const {
    HANDOVER_SOCKET: supervisor,
    HANDOVER_ACCEPT: when,
    HANDOVER_PREDECESSOR: predecessor,
  } = environment
  if (supervisor !== undefined) return when === 'ready' || when === 'told' ? when : 'listening'
  return taken || predecessor !== undefined ? 'ready' : 'listening'
}
