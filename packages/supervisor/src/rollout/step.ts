import type { Action, ServiceState } from '../model/index.js'

/** One concern of the plan. Returns what to do about it now. Empty if nothing is left to do. */
export type Step = (state: ServiceState, now: number) => Action[]
