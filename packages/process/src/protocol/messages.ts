import type { ConnectionAccount } from './account.js'

/**
 * The protocol between a supervisor and an instance that uses this library.
 *
 * A unix stream socket, named by `HANDOVER_SOCKET`, carries JSON lines in both directions. Each instance has a path of
 * its own, which identifies it. The first line in each direction names the protocol's version. A message of an unknown
 * type is ignored and answered with an `error` that names the type, so that the library and the supervisor can be of
 * different versions.
 *
 * Everything else follows systemd: `LISTEN_FDS`, `LISTEN_PID`, `LISTEN_FDNAMES` (sd_listen_fds(3)), `NOTIFY_SOCKET`
 * (sd_notify(3)), and SIGTERM.
 */

export const protocolVersion = 1

/** The variables that the supervisor sets for an instance, beside systemd's. */
export interface InstanceEnvironment {
  /** Path of the unix stream socket for this protocol. */
  HANDOVER_SOCKET?: string
  /** Name of the instance, for example `web-3`. */
  HANDOVER_INSTANCE?: string
  /** Number of the instance's revision. */
  HANDOVER_REVISION?: string
  /** The signal at which the instance drains, besides SIGTERM. Not set: SIGTERM only. */
  HANDOVER_STOP_SIGNAL?: string
  /** Seconds after SIGTERM within which the drain must end. Less than the grace period. */
  HANDOVER_DRAIN_SECONDS?: string
  /**
   * Set: the supervisor keeps what this process binds for its successors, see `bound` in `InstanceMessage`. `new`: it
   * does not know yet whether the application listens anywhere. `known`: it does.
   */
  HANDOVER_DISCOVER?: string
  /** The names of those inherited listeners that an earlier instance has bound, with colons between them. */
  HANDOVER_DISCOVERED?: string
  /** The same for those of them for which the application has asked for port 0. */
  HANDOVER_ANY_PORT?: string
  /**
   * When this process begins to accept from inherited listeners: `ready`: when it has reported that; `told`: when the
   * supervisor sends `accept`, because a probe decides. Absent: as soon as a server listens.
   */
  HANDOVER_ACCEPT?: string
  /** Seconds for which a draining instance keeps an idle keep-alive connection open. */
  HANDOVER_IDLE_SECONDS?: string
  /** Seconds that requests have waited when a draining instance leaves them to the application. */
  HANDOVER_PATIENCE_SECONDS?: string
  /** Which idle HTTP/1 connections move: `none`, `stateless` (default) or `all`. */
  HANDOVER_MOVE?: string
  /**
   * A folder in which the library listens on `<listener name>.sock`: connections to it are served by the server that
   * has adopted that listener. A probe reaches this instance there, while any instance may accept a connection to the
   * shared listener. Set only if the service has such a probe.
   */
  HANDOVER_PROBE_DIR?: string
}

/** A listening or UDP socket of an instance. */
export interface BoundListener {
  /** For LISTEN_FDNAMES (sd_listen_fds_with_names(3)). */
  name: string
  /** The descriptor in the instance's process. */
  fd: number
  /** The application has asked for port 0. Later instances that do so get this one. */
  anyPort?: boolean
}

/** An abstract unix path begins with a zero byte. */
export type ListenerAddress =
  { type: 'tcp' | 'udp'; host: string; port: number } | { type: 'unix'; path: string }

/** Sent by an instance to its supervisor. */
export type InstanceMessage =
  | {
      type: 'hello'
      version: number
      pid: number
      library: string
      mode: 'library' | 'register'
      /** HANDOVER_REVISION of this program. */
      revision?: string
      /** How many programs this process has run before, see `exec`. Default: 0. */
      generation?: number
    }
  /** A server of the application listens. `listener`: the adopted listener's name. Absent if the server bound it. */
  | { type: 'listening'; address: string; listener?: string }
  /** A server that was reported as `listening` was closed, before a drain. */
  | { type: 'closed'; address: string; listener?: string }
  /**
   * Whether this process accepts new connections from the listeners that it shares. The answer to each `accept` that it
   * gets once it is ready. A process that cannot stop accepting says true.
   */
  | { type: 'accepting'; accepting: boolean }
  /**
   * All listeners that this process has bound itself. The supervisor copies these descriptors from the process `pid` of
   * `hello`, and passes them to later instances under these names. Sent before `ready`, and again at each change.
   */
  | { type: 'bound'; listeners: BoundListener[] }
  /**
   * The application wants to listen on an address that is in use. If another instance of the service has it, the answer
   * is `listener` with a copy of the descriptor. Sent on a connection of its own, as the only message.
   */
  | { type: 'listener'; address: ListenerAddress }
  /**
   * This instance can receive established connections of these listeners on the unix stream socket at `path`. The
   * protocol there is internal to the library. See `successors` in `SupervisorMessage`.
   */
  | { type: 'adopts'; path: string; listeners: string[] }
  | { type: 'ready' }
  | { type: 'status'; text: string }
  /** The instance no longer accepts connections, and finishes the open ones. */
  | { type: 'draining'; account: ConnectionAccount }
  /** The account has changed, while serving or draining. At most one message per second. */
  | { type: 'account'; account: ConnectionAccount }
  /** The last connection has ended. `cut`: what was cut at the deadline, or empty. The process exits next. */
  | { type: 'drained'; account: ConnectionAccount; cut: string[]; seconds: number }
  /** The process now executes its next program, which sends `hello` on a new connection. */
  | { type: 'executing'; account: ConnectionAccount }
  /** `exec` failed, and this program continues to serve. `code`: see `HandoverErrorCode`. */
  | { type: 'execFailed'; code: string; message: string }
  | { type: 'error'; message: string; unknown?: string }

/** Sent by a supervisor to an instance. */
export type SupervisorMessage =
  /** `sendsAccept`: it sends `accept` when that is due. Without it, `HANDOVER_ACCEPT=told` means `ready`. */
  | { type: 'welcome'; version: number; instance: string; revision: number; sendsAccept?: boolean }
  /**
   * The instances that receive the connections of this one when it drains: the paths of their `adopts` messages. Sent
   * before SIGTERM, and again at each change. Without it, no connection moves.
   */
  | { type: 'successors'; sockets: string[] }
  /**
   * Whether this instance accepts new connections, or leaves them to the other instances of the service. Sent when it
   * has become ready or unready, and again on each connection of the channel. An instance that has no connection to a
   * supervisor for ten seconds accepts once it is ready.
   */
  | { type: 'accept'; accepting: boolean }
  /**
   * The answer to `listener`. With a name, the descriptor comes with it (SCM_RIGHTS, unix(7)). Without one, no other
   * instance of the service has that address.
   */
  | { type: 'listener'; name?: string }
  /**
   * The keys for the TLS session tickets of all instances: 48 bytes in base64, see `tls.Server.setTicketKeys`. Sent
   * after `welcome`, and again when they are renewed.
   */
  | { type: 'ticketKeys'; keys: string }
  /**
   * The supervisor closes these listeners, because no application of the service listens on them any more. Close the
   * copies that no server has adopted: while one is open, connections go into a queue that nobody empties.
   */
  | { type: 'withdraw'; listeners: string[] }
  /** The files of sockets that this instance listens on were removed, with or without their folder: create them again. */
  | { type: 'renewSockets' }
  /**
   * Only from a predecessor, which acts as the supervisor of its successor if there is no other: the successor now
   * serves, and reports to the service manager. `draining`: the earlier processes that have not exited yet, each with
   * its start time in clock ticks after boot (proc_pid_stat(5)).
   */
  | { type: 'takeOver'; draining: { pid: number; startTime: string }[] }
  /**
   * Execute another program in the same process, with all listeners and connections. `argv` and `cwd` are those of the
   * next program. Default: as this one was started. `env`: the variables that change. Null removes one. `environment`:
   * all variables, instead of `env`.
   */
  | {
      type: 'exec'
      argv?: string[]
      cwd?: string
      env?: Record<string, string | null>
      environment?: Record<string, string>
      timeoutSeconds?: number
    }
  /** Only from a predecessor: it continues to serve, and the successor has to exit. */
  | { type: 'refused'; message: string }
  | { type: 'error'; message: string; unknown?: string }

/** Sent by a successor to its predecessor. */
export type SuccessorMessage =
  | InstanceMessage
  /** The answer to `takeOver`: the service manager was notified, so the predecessor may exit. */
  | { type: 'tookOver' }
