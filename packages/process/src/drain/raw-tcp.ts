import { endThenDestroy } from './closing.js'
import type { Protocol } from './protocol.js'

/** A protocol of the application's own, about which nothing is known: its connections end by themselves, or are cut. */
export const rawTcp: Protocol = {
  owns: () => true,
  name: 'tcp connection',
  cut: ({ stream }) => endThenDestroy(stream),
  drain: () => ({ begin() {} }),
}
