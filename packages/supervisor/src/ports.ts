import type {
  ConnectionAccount,
  Event,
  Exit,
  GroupMember,
  KernelCounters,
  ListenerSpec,
  OpenListener,
  ProbeSpec,
  Result,
  Revision,
  SeenConnections,
  ServiceSpec,
} from './model/index.js'

/* The operating system as small interfaces. The engine has no other access to it. */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back once, at or after `time` (milliseconds since the epoch). Returns a function that cancels the call. */
  at(time: number, callback: () => void): () => void
}

/** A bound socket that the supervisor keeps open and never reads or accepts from. */
export interface Listener extends OpenListener {
  fd: number
  /** Set if one instance has this socket of the listener's group for itself. */
  own?: OwnSocket
}

/** A socket of a group. The group's other sockets are bound to the same address. */
export interface OwnSocket {
  /**
   * Reserves a local address: a connection from there gets this socket, whichever sockets get new connections. `end`
   * must be called once it is established or has failed. Null before the socket is recovered.
   */
  route(): { localAddress: string; localPort: number; end(): void } | null
}

/** One socket of a group, with a queue of connections of its own. */
export interface GroupSocket extends OwnSocket {
  fd: number
  inode: number
}

/** A socket that a process of an instance has bound. */
export interface BoundSocket {
  name: string
  pid: number
  /** Its descriptor in that process. */
  fd: number
  /** The application has asked for port 0. */
  anyPort?: true
}

/** An address that a program wants to listen on. `host`: empty if it is unknown. */
export type Address = { type: 'tcp' | 'udp'; host: string; port: number } | { type: 'unix'; path: string }

/** The process that has a socket open. `group`: its process group. */
export interface SocketHolder {
  inode: number
  pid: number
  group: number
  name: string
}

export interface TakenSocket {
  inode: number
  listener: Listener | null
}

export interface Sockets {
  /** Binds, and listens unless it is UDP. Fails with `Usage`: port in use (and by which program), not permitted, no such address. */
  listen(name: string, spec: ListenerSpec): Result<Listener>
  /**
   * Copies a socket that an instance has bound itself, and marks the listener as discovered. `group`: the instance's
   * process group. Fails with `Refused` if the process is not in it, if the kernel does not permit the copy (ptrace
   * scope), or if it is not a socket that can be a listener. `listener` is null if the inode is one of `known`.
   */
  take(bound: BoundSocket, group: number, known: ReadonlySet<number>): Result<TakenSocket>
  /**
   * The listener for an address that is in use: one of `known`, else one that a process of one of these groups has
   * bound, which is copied as by `take`. Null if there is none.
   */
  findBound(address: Address, known: readonly Listener[], groups: number[]): Listener | null
  /** A process that listens on the address. Null if none does, or if /proc does not show it. */
  holder(address: Address): SocketHolder | null
  /** Whether connections or datagrams wait in its queue. */
  isWaitedOn(listener: Listener): boolean
  /**
   * Looks whether the file of a unix socket is at its path. `renewed`: it was removed, and was put back since the last
   * look. `gone`: it was removed, and cannot be put back. Always `there` for other listeners.
   */
  checkFile(listener: Listener): 'there' | 'renewed' | 'gone'
  close(listener: Listener): void
  /**
   * Binds one more socket to the address of a TCP listener. The sockets of a listener are a group: a connection is
   * queued at one of them and stays there. Fails with `Refused` where the kernel cannot do that, or if another program
   * listens on that address, too.
   */
  join(listener: Listener): Result<GroupSocket>
  /** The sockets of the listener: its own, and those that have joined. */
  group(listener: Listener): GroupSocket[]
  /** How many connections wait at each of them to be accepted, by inode. Empty where the kernel does not tell. */
  waiting(listener: Listener): ReadonlyMap<number, number>
  /** From now on new connections are queued at these sockets of the group, and as many at each. */
  steer(listener: Listener, sockets: GroupSocket[]): void
  /** Closes the sockets that have joined. */
  disband(listener: Listener): void
}

export interface LaunchOrder {
  instance: string
  revision: Revision
  listeners: Listener[]
  /** What is known of the listeners that the application binds itself. Absent: it is not asked for them. */
  discover?: 'new' | 'known'
  /** When it begins to accept from the listeners: when it is ready, or when it is told. Absent: at once. */
  accept?: 'ready' | 'told'
}

export interface LaunchedProcess {
  pid: number
  startTime: string
  probeDir: string
}

/** What a server of an instance listens on. `listener`: the name of the listener, if it is one of the service's. */
export interface Listening {
  address: string
  listener?: string
}

/** What an instance with the library does before it is ready. */
export interface InstanceProgress {
  listening: Listening[]
  /** The application calls the library: it says itself when it is ready. */
  calls: boolean
}

/**
 * Reports of a launched process, which arrive on its channel, its notify socket, or as its exit. No method is called
 * before `launch` or `adopt` has returned.
 */
export interface ProcessObserver {
  ready(): void
  status(text: string): void
  /** All sockets that one of its processes has bound itself. */
  bound(sockets: BoundSocket[]): void
  /**
   * It wants to listen on an address that is in use. `answer` gets the listener, if another instance of the service has
   * it, or null.
   */
  wanted(address: Address, answer: (listener: Listener | null) => void): void
  /**
   * All listeners that it was given and that its servers use. First called when the library reports ready; not called
   * without the library.
   */
  adopted(names: string[]): void
  /** It missed a keep-alive ping of its watchdog. Treated as a failed liveness probe. */
  unhealthy(reason: string): void
  account(account: ConnectionAccount): void
  /** Called at each change. */
  progress(progress: InstanceProgress): void
  /** Whether it accepts new connections, as its answer to `setAccepting`. */
  accepting(accepting: boolean): void
  stoppedAccepting(): void
  /** The signal was sent to an instance that is drained from outside. */
  signalled(connections: SeenConnections): void
  /** `cut`: what it closed at its deadline. */
  drained(account: ConnectionAccount, cut: string[]): void
  /** The program that `exec` requested now runs in the instance's process. It is not ready yet. */
  executed(): void
  /** The old program is still running. `refused`: the instance can never replace its program. */
  execFailed(message: string, refused: boolean): void
  /** The process has exited and was reaped. `output`: its last lines. `left`: what it had open, seen from outside. */
  exited(exit: Exit, output: string[], left?: SeenConnections): void
}

export interface DrainOptions {
  /** By default SIGTERM. */
  signal?: string
  /** Without waiting until nothing is owed. By default false. */
  atOnce?: boolean
  /**
   * The TCP sockets of the instance that get no new connections any more: it is told to stop once they are empty. Without
   * any, it is told at once. By default none.
   */
  leaving?: Listener[]
}

export interface Processes {
  /**
   * Checks that the revision can be started: the command is found and executable, the folder and the user exist.
   * Fails with `CannotStart`. `hasLibrary`: its instances report readiness themselves, because they load the library
   * or its preload.
   */
  check(revision: Revision): Result<{ hasLibrary: boolean }>
  launch(order: LaunchOrder, observer: ProcessObserver): Promise<Result<LaunchedProcess>>
  /** The process of a running instance. */
  launched(instance: string): LaunchedProcess | undefined
  /** Sends an instance the addresses of those successors that can adopt its connections while it drains. */
  setSuccessors(instance: string, successors: string[]): void
  /** Makes an instance with the library close its copies of these listeners, unless its servers use them. */
  withdraw(instance: string, listeners: string[]): void
  /** Tells an instance with the library whether it accepts new connections, or leaves them to the other instances. */
  setAccepting(instance: string, accepting: boolean): void
  /**
   * Makes a running instance replace its program with that of the order's revision. Fails if the request cannot be
   * sent. The outcome is reported as `executed` or `execFailed`.
   */
  exec(order: LaunchOrder): Result<true>
  /**
   * Sends the stop signal to the main process. `stoppedAccepting` follows. An instance whose sockets get no new
   * connections gets it once their queues are empty and, without the library, once no connection owes an answer as far
   * as the kernel can tell, at the latest after `drain.timeoutSeconds`.
   */
  drain(instance: string, options?: DrainOptions): void
  /** Sends SIGKILL to the process group. */
  kill(instance: string): void
}

/** A running instance that an earlier supervisor launched. */
export interface AdoptOrder extends LaunchOrder {
  /** It was requested to exec this revision, and the outcome is unknown. */
  replacing?: boolean
  /** It has the library and was ready, so it will reconnect to the channel and report ready again. */
  awaitReconnect?: boolean
  pid: number
  startTime: string
}

/** What a supervisor also needs to take over from an earlier one. */
export interface RecoverableSockets extends Sockets {
  /**
   * Duplicates a listener of an earlier supervisor from one of the processes that still hold it (pidfd_getfd(2)).
   * Fails with `Refused` if none holds it, or if the kernel does not permit it (ptrace scope).
   */
  recover(lost: OpenListener, holders: number[]): Result<Listener>
  /**
   * The same for the other sockets of its group. Those that no process holds are gone. `receivers`: the inodes of those
   * that should get the connections which arrive meanwhile.
   */
  rejoin(listener: Listener, members: GroupMember[], holders: number[], receivers: ReadonlySet<number>): void
}

export interface AdoptingProcesses extends Processes {
  /**
   * Creates the files of the instances' sockets again that were removed, for example by a cleaner of temporary files.
   * Resolves with the names of these instances. Rejects with the error of a system call.
   */
  renewSockets(): Promise<string[]>
  /** Finds the process of an instance whose supervisor died before it journaled the pid. Null if there is none. */
  find(instance: string): { pid: number; startTime: string } | null
  /**
   * Takes over a running instance, with the same paths for its channel and notify socket. With `awaitReconnect` it
   * first waits up to a second for the instance to reconnect: an instance must know its successors before it gets
   * SIGTERM. Fails if the process is gone. Its exit code is unknown (null) unless it is a child of this process.
   */
  adopt(order: AdoptOrder, observer: ProcessObserver): Promise<Result<LaunchedProcess>>
}

export interface ProbeTarget {
  instance: string
  pid: number
  /** Those that the instance uses first. Can change. */
  readonly listeners: Listener[]
  /** HANDOVER_PROBE_DIR of the instance. `<listener>.sock` exists in it once the library has adopted that listener. */
  probeDir: string
}

export interface Prober {
  /**
   * Runs the probe until the returned function is called. `onVerdict` gets the first verdict and each change of it,
   * `onTry` the result of each attempt.
   */
  start(
    target: ProbeTarget,
    probe: ProbeSpec,
    onVerdict: (healthy: boolean, reason: string) => void,
    onTry?: (healthy: boolean, reason: string) => void,
  ): () => void
}

export interface MemoryGauge {
  /**
   * Measures the resident memory of a process group every 5 seconds, in bytes, until the returned function is called.
   * `onSample` is not called once the group is gone.
   */
  watch(group: number, onSample: (bytes: number) => void): () => void
}

/**
 * Append-only. Events are durable when a call has succeeded. A call that fails with `Refused`, for example because the
 * disk is full, changes nothing, and can be repeated.
 */
export interface Journal {
  read(): Result<Event[]>
  /** Also creates the file again if it was removed. Without events, it does only that. */
  append(events: Event[]): Result<true>
  /** Replaces the whole content atomically. */
  rewrite(events: Event[]): Result<true>
  /**
   * Keeps events beside the journal, where there may still be room, until an append or a rewrite succeeds: a supervisor
   * that is killed meanwhile leaves them to the next, whose `read` returns them. `replacement`: instead of what is in
   * the journal. Each call replaces what the last one kept.
   */
  keep(backlog: { replacement: Event[] | null; events: Event[] }): void
  /** Whether `read` returns events that are only kept. */
  readonly hasKept: boolean
  /** It is long, and several times as long as after the last rewrite. */
  readonly overgrown: boolean
  close(): void
}

export interface KernelStats {
  /** Null if the kernel does not provide the counters. */
  read(): KernelCounters | null
}

export interface Releases {
  /** Resolves the symbolic links of the service's `cwd`. Fails with `Usage` if the folder does not exist. */
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
