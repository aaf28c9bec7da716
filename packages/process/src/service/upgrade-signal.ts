import type { Service } from './service.js'

/**
 * Upgrades at that signal. What goes wrong is an event and a warning already, and the process goes on. The signal
 * is taken from the start on, as its default action is to end the process.
 */
export function upgradeOnSignal(service: Service, signal: NodeJS.Signals): () => void {
  const handle = (): void => {
    service.upgrade().catch(() => {})
  }
  process.on(signal, handle)
  return () => void process.off(signal, handle)
}
