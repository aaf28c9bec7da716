import { endThenDestroy } from './closing.js'
import type { Protocol } from './protocol.js'

/** An unknown protocol of the application. Its connections end by themselves, or are cut. */
export const rawTcp: Protocol = {
  owns: () => true,
  name: 'tcp connection',
  cut: ({ stream }) => endThenDestroy(stream),
  drain: () => ({ begin() {} }),
}
