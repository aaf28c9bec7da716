export * from './rig.js'
export * from './spec.js'
export * from './world.js'
export * from './systemd.js'
