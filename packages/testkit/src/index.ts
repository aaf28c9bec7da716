export * from './rig.js'
export * from './spec.js'
export * from './world.js'
