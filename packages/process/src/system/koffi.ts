import { createRequire } from 'node:module'

/** What is used of koffi (https://koffi.dev): an optional package, so it is known by shape only. */
export interface Koffi {
  load(library: null): { func(prototype: string): (...args: unknown[]) => number | bigint }
  errno(): number
  address(buffer: Buffer): bigint
  node: {
    poll(fd: number, events: { readable: true }, callback: () => void): { close(): void; unref(): void }
  }
}

/** Whether koffi could be loaded, without doing so: that takes 10 to 17 ms and 4 MB, too much for every boot. */
export function isKoffiInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('koffi')
    return true
  } catch {
    return false
  }
}

/** Null where it is not installed, or not for this platform. */
export function loadKoffi(): Koffi | null {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi
    return typeof koffi.node?.poll === 'function' ? koffi : null
  } catch {
    return null
  }
}
