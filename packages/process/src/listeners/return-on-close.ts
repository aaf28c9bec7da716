import fs from 'node:fs'
import { descriptorCalls } from '../system/descriptors.js'
import { loadKoffi } from '../system/koffi.js'
import type { InheritedListener } from './inherited.js'

/**
 * When `handle` is closed, the descriptor of its listener stays open, under the same number: the next server that asks
 * for the address gets it. Applications close a server that has only tried whether a port is free. Closes for good while
 * `keeps` is false, and without koffi. `returned` is called when the listener is free again.
 */
export function returnOnClose(
  handle: Closable,
  listener: InheritedListener,
  keeps: () => boolean,
  returned: () => void,
): void {
  const close = handle.close.bind(handle)
  handle.close = (...args) => {
    const fd = handle.fd ?? -1
    const duplicate = fd >= 0 && keeps() ? duplicator() : null
    const copy = duplicate?.(fd) ?? null
    close(...args)
    if (duplicate === null || copy === null) return
    listener.fd = renumber(duplicate, copy, fd)
    listener.adopted = false
    returned()
  }
}

export interface Closable {
  readonly fd?: number
  close(...args: unknown[]): void
}

/** Another thread may have taken the number meanwhile: then the copy keeps its own. */
function renumber(duplicate: Duplicate, copy: number, wanted: number): number {
  const again = duplicate(copy, wanted)
  const kept = again === wanted ? again : copy
  fs.closeSync(kept === copy ? again : copy)
  return kept
}

type Duplicate = (fd: number, from?: number) => number

/** Null without koffi. */
export function duplicator(): Duplicate | null {
  const koffi = loadKoffi()
  return koffi === null ? null : descriptorCalls(koffi).duplicate
}
