export * from './rig.js'
export * from './world.js'
