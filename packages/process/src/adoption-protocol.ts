/**
 * What a draining instance and its successor say to each other on the successor's adoption socket: JSON lines.
 * The descriptors of a batch travel as SCM_RIGHTS with the first byte of its line, in the order of `moved`.
 */

/** From the successor, first of all. */
export interface Greeting {
  version: 1
  /** How many connections it has. */
  open: number
}

/** From the predecessor. */
export interface Batch {
  version: 1
  batch: number
  moved: MovedConnection[]
}

export interface MovedConnection {
  /** Name of the listener that the connection came from. */
  listener: string
  /** It has brought no byte yet, so Node's time limit for a first request still applies to it. */
  fresh: boolean
  /** How many requests it has brought so far. */
  requests: number
}

/** From the successor: the batch is its own now, but for those at the indexes in `refused`. */
export interface Acknowledgement {
  batch: number
  refused: number[]
}

/** Gives every complete line; the rest is kept. */
export function lines(): (chunk: string) => string[] {
  let rest = ''
  return (chunk) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() ?? ''
    return parts
  }
}
