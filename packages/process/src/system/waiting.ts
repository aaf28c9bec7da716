/** Resolves after the event loop has polled once more. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Resolves when the accept queues are empty: after a poll that brought no connection, because newer versions of Node
 * accept only one per poll. `accepted` returns how many have been accepted so far. Uses at most `maxMs` of processor
 * time: under a steady stream of connections the queues are never empty.
 */
export async function waitUntilQueuesAreEmpty(
  accepted: () => number,
  { maxMs }: { maxMs: number },
): Promise<void> {
  const startedAt = process.cpuUsage()
  const usedMs = () => {
    const { system, user } = process.cpuUsage(startedAt)
    return (system + user) / 1000
  }
  await nextTurn() // the immediates of this turn may run before the loop polls
  for (let before = -1; before !== accepted() && usedMs() < maxMs;) {
    before = accepted()
    await nextTurn()
  }
}

/** Runs all of `work` in parallel and resolves when all is done, at most `maxMs` later. `onError` gets each error. */
export async function allWithin(
  maxMs: number,
  work: (() => unknown)[],
  onError: (error: unknown) => void,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, maxMs)))
  const each = work.map(async (run) => {
    try {
      await run()
    } catch (error) {
      onError(error)
    }
  })
  await Promise.race([Promise.all(each), timeout])
  clearTimeout(timer)
}
