import { basename } from 'node:path'
import type { Program } from './program.js'
import { interpreterName } from './program.js'

/**
 * Programs that run another one, in their place or as their child, and leave descriptors and variables to it: shells,
 * the init programs of containers, and wrappers that only execute. What they run may be Node, so it gets the preload.
 */
const passesOn =
  /^((ba|da|a|z|k|mk)?sh|busybox|tini|tini-static|dumb-init|catatonit|docker-init|env|nice|ionice|taskset|chrt|numactl|stdbuf|setpriv|gosu|su-exec|chpst|setuidgid)$/

export const runsAnother = ({ path, interpreter }: Program): boolean =>
  passesOn.test(basename(interpreter.length > 0 ? interpreterName(interpreter) : path))
