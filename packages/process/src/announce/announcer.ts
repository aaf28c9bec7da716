import type { InstanceMessage } from '../protocol/messages.js'

/** Who calls the library: the application (`library`) or the preload (`register`). */
export type Mode = 'library' | 'register'

/** Reports the state of this process to what started it: the supervisor, systemd, the cluster primary, or nothing. */
export interface Announcer {
  say(message: InstanceMessage): void
  /** The application is reloading its configuration. Call `reloaded` next, with the error if it failed. */
  reloading(): void
  reloaded(error?: unknown): void
  /** A drain has begun, which ends within `timeoutMs`. */
  stopping(timeoutMs: number): void
  failed(error: unknown): void
  /** Asks the service manager to store a copy of the listener for a later process. `forget` removes it. */
  keep(name: string, fd: number): void
  forget(name: string): void
  /**
   * Another process takes over and reports for the service from now on. This process still sends keep-alive pings until
   * the returned function is called. Call it when the other process sends its own.
   */
  handedOver(): () => void
  /** This process has taken over from another one. `ready`: whether it has reported that it is ready. */
  tookOver(ready: boolean): void
  /** Resolves when everything was sent, or after half a second. */
  flush(): Promise<void>
  close(): void
}

const nothing = (): void => {}

/** The part of an announcer that only a service manager needs. The supervisor tracks all of this itself. */
export const withoutServiceManager = {
  reloading: nothing,
  reloaded: nothing,
  stopping: nothing,
  failed: nothing,
  keep: nothing,
  forget: nothing,
  handedOver: () => nothing,
  tookOver: nothing,
}
