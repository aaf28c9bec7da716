import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The sockets that the instance itself has opened. Only it can create them again. */
export interface OwnSockets {
  /** Whether one is missing that existed at the last call, or one of these. True once for each loss. */
  areMissing(adoptionSockets: string[]): boolean
}

export function watchOwnSockets(probes: string): OwnSockets {
  let known: string[] = []
  let reported = false
  return {
    areMissing(adoptionSockets) {
      const missing = [...known, ...adoptionSockets].some((path) => !existsSync(path))
      if (!missing) known = socketsIn(probes)
      const lost = missing && !reported
      reported = missing
      return lost
    },
  }
}

function socketsIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return [] // It was removed a moment ago.
  }
}
