/**
 * Sends a signal to the process group that `leader` leads. Does nothing if the group has no process left (ESRCH), or
 * only processes of another user (EPERM): see kill(2).
 *
 * @throws any other error of kill(2)
 */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}
