import type { ConnectionAccount } from './account.js'

/**
 * The contract between a supervisor and an instance that uses this library.
 *
 * A unix stream socket, named by `HANDOVER_SOCKET`, carries JSON lines both ways. The supervisor gives each
 * instance a path of its own, so the path is the identity and nothing has to be claimed. The first line of
 * each side names the version that it speaks; a message of an unknown type is answered by an `error` that
 * names it, and is otherwise ignored, so that an old library and a new supervisor get along, and the reverse.
 *
 * Everything else that an instance needs is systemd's: `LISTEN_FDS`, `LISTEN_PID`, `LISTEN_FDNAMES`
 * (sd_listen_fds(3)), `NOTIFY_SOCKET` (sd_notify(3)), and SIGTERM.
 */

export const protocolVersion = 1

/** The environment that the supervisor gives to an instance, beside systemd's own variables. */
export interface InstanceEnvironment {
  /** Path of the unix stream socket that speaks this protocol. */
  HANDOVER_SOCKET?: string
  /** Name of the instance, for example `web-3`. */
  HANDOVER_INSTANCE?: string
  /** Number of the revision that the instance was started from. */
  HANDOVER_REVISION?: string
  /** Seconds after SIGTERM within which a drain must have ended; less than the grace period. */
  HANDOVER_DRAIN_SECONDS?: string
  /** Seconds for which a draining instance leaves an idle keep-alive connection open. */
  HANDOVER_IDLE_SECONDS?: string
  /**
   * A folder in which the library serves `<listener name>.sock`: connections to it are served by the server
   * that adopted that listener. It is how a probe reaches this very instance, not whoever accepts first on
   * the shared listener. Set only where the service has such a probe.
   */
  HANDOVER_PROBE_DIR?: string
}

/** What an instance tells its supervisor. */
export type InstanceMessage =
  | {
      type: 'hello'
      version: number
      pid: number
      library: string
      mode: 'library' | 'register'
      /** HANDOVER_REVISION, as this program was given it. */
      revision?: string
      /** How many programs this process has been before, see `exec`; absent: none. */
      generation?: number
    }
  /** A server of the application listens. `listener`: the adopted listener's name; absent: it bound the address itself. */
  | { type: 'listening'; address: string; listener?: string }
  /**
   * Established HTTP/1 connections of these listeners can be given to this instance, on the unix stream socket
   * at `path`. What is said there is the library's own business: see `SupervisorMessage` `successors`.
   */
  | { type: 'adopts'; path: string; listeners: string[] }
  | { type: 'ready' }
  | { type: 'status'; text: string }
  /** No listener is accepted from any more; what is open is being finished. */
  | { type: 'draining'; account: ConnectionAccount }
  /** Figures while serving or draining, at most one a second, and only when they changed. */
  | { type: 'account'; account: ConnectionAccount }
  /** The last connection is gone (or the deadline passed: then `cut` says what was cut). The process exits next. */
  | { type: 'drained'; account: ConnectionAccount; cut: string[]; seconds: number }
  /** All is at rest, and the process becomes its next program now: its `hello` follows, on a new connection. */
  | { type: 'executing'; account: ConnectionAccount }
  /** It did not: this program goes on serving. `code`: see `HandoverErrorCode`. */
  | { type: 'execFailed'; code: string; message: string }
  | { type: 'error'; message: string; unknown?: string }

/** What a supervisor tells an instance. */
export type SupervisorMessage =
  | { type: 'welcome'; version: number; instance: string; revision: number }
  /**
   * Who takes the connections of this instance when it drains: paths that other instances gave with `adopts`.
   * Said before SIGTERM, and again whenever they change. Without it nothing is handed over.
   */
  | { type: 'successors'; sockets: string[] }
  /**
   * What the service's instances seal TLS session tickets with: 48 bytes in base64, see `tls.Server.setTicketKeys`.
   * Said after `welcome`, and again when they are renewed.
   */
  | { type: 'ticketKeys'; keys: string }
  /**
   * Only from a predecessor, which is its successor's supervisor where there is no other: it is ready, it serves
   * from now on, and speaks to the service manager. `draining`: the earlier generations that are not gone yet.
   */
  | { type: 'takeOver'; draining: { pid: number; startTime: string }[] }
  /**
   * To become another program in this very process, with listeners and connections kept. `argv`, `cwd`: of the
   * next program, by default as this one was started. `env`: the variables that change; null takes one away.
   * `environment`: all of them, instead.
   */
  | {
      type: 'exec'
      argv?: string[]
      cwd?: string
      env?: Record<string, string | null>
      environment?: Record<string, string>
      timeoutSeconds?: number
    }
  /** Only from a predecessor: it goes on itself, and its successor is to end. */
  | { type: 'refused'; message: string }
  | { type: 'error'; message: string; unknown?: string }

/** What a successor tells its predecessor. */
export type SuccessorMessage =
  | InstanceMessage
  /** The answer to `takeOver`: the service manager knows about it, so the predecessor may exit. */
  | { type: 'tookOver' }
