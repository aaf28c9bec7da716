import type { InstanceMessage } from '../protocol/messages.js'

export type Mode = 'library' | 'register'

/** Whoever started us, told what becomes of us: our own supervisor, systemd, a cluster primary, or nobody. */
export interface Announcer {
  say(message: InstanceMessage): void
  /** The application reads its configuration anew; `reloaded` follows, with the error if it failed. */
  reloading(): void
  reloaded(error?: unknown): void
  /** A drain begins that ends within this time. */
  stopping(timeoutMs: number): void
  /** Something was asked of the system that it refused. */
  failed(error: unknown): void
  /** This listener may be kept for a later process, under that name; `forget` when it is given up. */
  keep(name: string, fd: number): void
  forget(name: string): void
  /**
   * Another process is to take our place, and to speak for the service from now on. Our signs of life go on until
   * the returned function is called: when it gives its own.
   */
  handedOver(): () => void
  /** We have taken another process's place, and are ready, or not yet. */
  tookOver(ready: boolean): void
  /** Resolves when what was said is on its way, within half a second in any case. */
  flush(): Promise<void>
  close(): void
}

const nothing = (): void => {}

/** What only a service manager is told. Our supervisor knows it already, and keeps the listeners itself. */
export const silent = {
  reloading: nothing,
  reloaded: nothing,
  stopping: nothing,
  failed: nothing,
  keep: nothing,
  forget: nothing,
  handedOver: () => nothing,
  tookOver: nothing,
}
