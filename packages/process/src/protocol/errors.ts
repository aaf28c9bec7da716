export type HandoverErrorCode =
  /** LISTEN_FDS or LISTEN_FDNAMES is malformed, or contradicts the open descriptors. */
  | 'ERR_HANDOVER_LISTEN_FDS'
  /** An option or an argument has the wrong type or range. */
  | 'ERR_HANDOVER_OPTION'
  /** The call is not possible in this state: the drain has begun, or the process already has a service. */
  | 'ERR_HANDOVER_STATE'
  /** No free listener of that name was inherited, and no address to bind was given. */
  | 'ERR_HANDOVER_NO_LISTENER'
  /** No upgrade can begin: one is under way, the process is not ready, it drains, or a supervisor is in charge. */
  | 'ERR_HANDOVER_UPGRADE_REFUSED'
  /** The new process exited, hung, or could not be started. This process continues to serve. */
  | 'ERR_HANDOVER_UPGRADE_FAILED'
  /** The service could not be taken over from the process that serves it. */
  | 'ERR_HANDOVER_TAKEOVER'
  /** `upgradeStrategy: 'reusePort'` needs Node 22.12 or koffi. */
  | 'ERR_HANDOVER_REUSE_PORT'
  /** The pid file cannot be written. */
  | 'ERR_HANDOVER_PID_FILE'
  /** execve(2) failed. This process continues to serve. */
  | 'ERR_HANDOVER_EXEC'
  /** This process cannot use exec: koffi is missing, or it has node:cluster workers. */
  | 'ERR_HANDOVER_EXEC_UNAVAILABLE'
  /** Until the timeout, there was no moment when every connection could be kept. This process continues to serve. */
  | 'ERR_HANDOVER_EXEC_DEADLINE'

/** Every error that this library throws. `code` is stable. `message` is a sentence for people, and may change. */
export class HandoverError extends Error {
  readonly code: HandoverErrorCode

  constructor(code: HandoverErrorCode, message: string) {
    super(message)
    this.name = new.target.name
    this.code = code
  }
}

/** The variables of sd_listen_fds(3) contradict each other or the open descriptors. `ERR_HANDOVER_LISTEN_FDS`. */
export class InheritedListenersError extends HandoverError {
  constructor(message: string) {
    super('ERR_HANDOVER_LISTEN_FDS', message)
  }
}

/** An option or an argument has the wrong type or range. `ERR_HANDOVER_OPTION`. */
export class OptionError extends HandoverError {
  constructor(message: string) {
    super('ERR_HANDOVER_OPTION', message)
  }
}

/** Any value can be thrown, not only an Error. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
