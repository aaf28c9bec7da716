/**
 * kill(2) of the process group that `leader` leads. Nothing happens where no process is left in it (ESRCH), or only
 * processes of another user (EPERM).
 *
 * @throws the error of any other failure
 */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}
