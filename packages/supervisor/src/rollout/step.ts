import type { Action, ServiceState } from '../model/index.js'

/** One concern of the plan: what it wants done now, nothing if that is done already. */
export type Step = (state: ServiceState, now: number) => Action[]
