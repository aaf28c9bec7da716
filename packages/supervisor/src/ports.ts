import type {
  ConnectionAccount,
  Event,
  Exit,
  KernelCounters,
  ListenerSpec,
  OpenListener,
  ProbeSpec,
  Result,
  Revision,
  ServiceSpec,
} from './model/index.js'

/** The operating system, as short records of functions. The engine knows nothing else of it. */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back once at or after that time; returns a function that cancels it. */
  at(time: number, callback: () => void): () => void
}

/** A bound, listening socket that the supervisor keeps and never accepts from. */
export interface Listener extends OpenListener {
  fd: number
}

export interface Sockets {
  /** Binds and listens. Fails with a sentence: port in use (and by which program), not permitted, no such address. */
  listen(name: string, spec: ListenerSpec): Result<Listener>
  close(listener: Listener): void
}

export interface LaunchOrder {
  instance: string
  revision: Revision
  listeners: Listener[]
}

export interface LaunchedProcess {
  pid: number
  startTime: string
  probeDir: string
}

/** What a launched process tells, by channel, notify socket or exit. Never called before `launch` has returned. */
export interface ProcessObserver {
  ready(): void
  status(text: string): void
  /** It missed its own watchdog: as bad as a failed liveness probe. */
  unhealthy(reason: string): void
  account(account: ConnectionAccount): void
  stoppedAccepting(): void
  drained(account: ConnectionAccount, cut: string[]): void
  /** The program that `exec` asked for runs in the instance's process, and is about to start. */
  executed(): void
  /** It does not: the program before it goes on. `refused`: it cannot do such a thing at all. */
  execFailed(message: string, refused: boolean): void
  /** The process is gone and reaped; `output` holds its last lines. */
  exited(exit: Exit, output: string[]): void
}

export interface Processes {
  /**
   * Whether the revision could be started at all: command found and executable, folder and user exist.
   * `speaks`: whether its instances will say ready themselves, because our library or preload is in them.
   */
  check(revision: Revision): Result<{ speaks: boolean }>
  launch(order: LaunchOrder, observer: ProcessObserver): Promise<Result<LaunchedProcess>>
  /** What is known of a running instance's process. */
  launched(instance: string): LaunchedProcess | undefined
  /** Makes known to an instance who takes its established connections while it drains: what can, of these. */
  setSuccessors(instance: string, successors: string[]): void
  /**
   * Tells a running instance to replace its program by that of the order's revision. Fails where it cannot be
   * told; what comes of it is `executed` or `execFailed`.
   */
  exec(order: LaunchOrder): Result<true>
  /** SIGTERM to the main process; then `stoppedAccepting` follows from whatever tells it first. */
  drain(instance: string): void
  /** SIGKILL to the process group. */
  kill(instance: string): void
}

/** An instance that an earlier supervisor launched and that lives on. */
export interface AdoptOrder extends LaunchOrder {
  /** It was told to become this revision, and nobody knows whether it has. */
  replacing?: boolean
  /** Our library or preload is in it, and it was ready: it will come back to the channel and say so again. */
  speaks?: boolean
  pid: number
  startTime: string
}

/** What a supervisor needs beside, to go on where an earlier one died. */
export interface RecoverableSockets extends Sockets {
  /**
   * Takes a listener back that an earlier supervisor had, from one of these processes that still hold it
   * (pidfd_getfd(2)). Fails where none does, or where the kernel forbids it (ptrace scope).
   */
  recover(lost: OpenListener, holders: number[]): Result<Listener>
}

export interface AdoptingProcesses extends Processes {
  /** The process of an instance whose supervisor died before it could write down which it is. Null: there is none. */
  find(instance: string): { pid: number; startTime: string } | null
  /**
   * Goes on with a living instance: same channel, same notify socket, same observer. One that speaks is waited for,
   * as it is to be told who takes its connections before it is told to go. Fails if it is gone. Its exit code stays
   * unknown (null) unless it is our own child.
   */
  adopt(order: AdoptOrder, observer: ProcessObserver): Promise<Result<LaunchedProcess>>
}

export interface ProbeTarget {
  instance: string
  pid: number
  listeners: Listener[]
  /** HANDOVER_PROBE_DIR of the instance: `<listener>.sock` is there once the library adopted that listener. */
  probeDir: string
}

export interface Prober {
  /** Runs the probe until stopped; tells each change of its verdict, the first one included. */
  start(
    target: ProbeTarget,
    probe: ProbeSpec,
    verdict: (healthy: boolean, reason: string) => void,
  ): () => void
}

export interface MemoryGauge {
  /**
   * Tells again and again, every 5 seconds, how many bytes that process group has in memory (resident), until
   * stopped. Tells nothing of a group that is gone.
   */
  watch(group: number, tell: (bytes: number) => void): () => void
}

/** Append-only, durable before `append` returns. */
export interface Journal {
  read(): Event[]
  append(events: Event[]): void
  /** Replaces the whole content atomically: used to forget what no longer matters. */
  rewrite(events: Event[]): void
  /** It is long, and several times as long as when it was rewritten last. */
  readonly overgrown: boolean
  close(): void
}

export interface KernelStats {
  read(): KernelCounters | null
}

export interface Releases {
  /** The folder that the service's `cwd` leads to now, every symbolic link resolved. */
  resolve(spec: ServiceSpec): Result<string>
}

export interface World {
  clock: Clock
  sockets: RecoverableSockets
  processes: AdoptingProcesses
  prober: Prober
  memory: MemoryGauge
  journal: Journal
  kernel: KernelStats
  releases: Releases
}
