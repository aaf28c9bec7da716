import { createRequire } from 'node:module'

/** The part of koffi (https://koffi.dev) that is used here. The package is optional, so its types may be missing. */
export interface Koffi {
  load(library: null): { func(prototype: string): (...args: unknown[]) => number | bigint }
  errno(): number
  address(buffer: Buffer): bigint
  node: {
    poll(fd: number, events: { readable: true }, callback: () => void): { close(): void; unref(): void }
  }
}

/** Does not load koffi: that takes 10 to 17 ms and 4 MB, too much for every start of a process. */
export function isKoffiInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('koffi')
    return true
  } catch {
    return false
  }
}

/** Null if koffi is not installed, or does not support this platform. */
export function loadKoffi(): Koffi | null {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi
    return typeof koffi.node?.poll === 'function' ? koffi : null
  } catch {
    return null
  }
}
