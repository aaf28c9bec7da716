import type { Service } from '../service.js'

/**
 * Upgrades at that signal, and then leaves. Without a receipt nothing happens: what was wrong is an event and a
 * warning already. The signal is taken from the start on, as its default action is to end the process.
 */
export function upgradeOnSignal(service: Service, signal: NodeJS.Signals, leave: () => void): () => void {
  const handle = (): void => {
    service.upgrade().then(leave, () => {})
  }
  process.on(signal, handle)
  return () => void process.off(signal, handle)
}
