export * from './counting-session.js'
export * from './rig.js'
export * from './spec.js'
export * from './world.js'
