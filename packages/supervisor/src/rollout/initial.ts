import type { ServiceState } from '../model/index.js'

/** A service of which nothing has happened yet: the state that the first event is folded into. */
export const initialState = (name: string): ServiceState => ({
  name,
  revisions: [],
  stable: null,
  target: 0,
  replicas: 0,
  paused: false,
  stopping: false,
  stopped: false,
  rollout: null,
  listeners: [],
  instances: [],
  nextInstance: 1,
  nextRollout: 1,
  nextRevision: 1,
})
