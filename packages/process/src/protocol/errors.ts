export type HandoverErrorCode =
  /** LISTEN_FDS or LISTEN_FDNAMES cannot be used as they are. */
  | 'ERR_HANDOVER_LISTEN_FDS'
  /** An option or an argument has the wrong type or range. */
  | 'ERR_HANDOVER_OPTION'
  /** The call comes at the wrong time: after the drain began, or a second service in one process. */
  | 'ERR_HANDOVER_STATE'
  /** The listener that was asked for by name was not inherited, and no address to bind was given. */
  | 'ERR_HANDOVER_NO_LISTENER'
  /** No upgrade may begin now: one goes on already, the process is not ready or drains, or a supervisor is in charge. */
  | 'ERR_HANDOVER_UPGRADE_REFUSED'
  /** The new process exited, hung, or could not be started; this one goes on serving. */
  | 'ERR_HANDOVER_UPGRADE_FAILED'
  /** The service could not be taken over from the process that serves it. */
  | 'ERR_HANDOVER_TAKEOVER'
  /** `upgradeStrategy: 'reusePort'` on a Node without it, and koffi is missing. */
  | 'ERR_HANDOVER_REUSE_PORT'
  /** The pid file cannot be written. */
  | 'ERR_HANDOVER_PID_FILE'
  /** The next program of this process could not be executed; this one goes on serving. */
  | 'ERR_HANDOVER_EXEC'
  /** This process cannot do such a thing: koffi is missing, or it has node:cluster workers. */
  | 'ERR_HANDOVER_EXEC_UNAVAILABLE'
  /** There was no moment, in time, at which everything could be kept for it; this one goes on serving. */
  | 'ERR_HANDOVER_EXEC_DEADLINE'

/** What this library throws. `code` is stable; `message` is one sentence for people. */
export class HandoverError extends Error {
  readonly code: HandoverErrorCode

  constructor(code: HandoverErrorCode, message: string) {
    super(message)
    this.name = new.target.name
    this.code = code
  }
}

/** The environment variables of sd_listen_fds(3) contradict themselves or the open descriptors. */
export class InheritedListenersError extends HandoverError {
  constructor(message: string) {
    super('ERR_HANDOVER_LISTEN_FDS', message)
  }
}

/** An option has the wrong type or range. */
export class OptionError extends HandoverError {
  constructor(message: string) {
    super('ERR_HANDOVER_OPTION', message)
  }
}

/** What was thrown need not be an Error. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
