import type { ServiceState } from '../model/index.js'

/** The state of a service before its first event. */
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
