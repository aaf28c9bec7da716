import { ChildProcess } from 'node:child_process'
import { claimRoleUntil } from '../system/role.js'

/** Between two looks whether a child has ended. */
const pauseMs = 100

/**
 * A program that signals its own child without having been told to stop ends a helper, even if it does not serve yet: the
 * child must end as fast as without the preload. A launcher, in contrast, passes a signal on that it has got. `isTold`:
 * whether this process has got a stop signal. Returns a function that removes the patch.
 */
export function patchKill(isTold: () => boolean): () => void {
  const prototype = ChildProcess.prototype as { kill: ChildProcess['kill'] }
  const original = prototype.kill
  const patched: ChildProcess['kill'] = function (this: ChildProcess, signal) {
    if (!isTold()) markUntilItsEnd(this)
    return original.call(this, signal)
  }
  prototype.kill = patched
  return () => {
    if (prototype.kill === patched) prototype.kill = original
  }
}

/** Without a listener on the child, which the application could count. */
function markUntilItsEnd(child: ChildProcess): void {
  const release = claimRoleUntil()
  const timer = setInterval(() => {
    if (child.exitCode === null && child.signalCode === null) return
    clearInterval(timer)
    release()
  }, pauseMs).unref()
}
