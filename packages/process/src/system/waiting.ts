/** Resolves after the event loop has polled once more. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Resolves when the accept queues are empty: after a poll that brought no connection, as newer versions of Node accept
 * one for each poll. `accepted` counts. Looks for `leastMs` at least, and no longer than `mostMs`: where more come than
 * that, nobody is the last one.
 */
export async function queuesEmptied(
  accepted: () => number,
  { leastMs = 0, mostMs }: { leastMs?: number; mostMs: number },
): Promise<void> {
  const startedAt = performance.now()
  const passed = (ms: number) => performance.now() - startedAt >= ms
  await nextTurn() // it may be over before the loop polls
  for (let before = -1; (before !== accepted() || !passed(leastMs)) && !passed(mostMs);) {
    before = accepted()
    await nextTurn()
  }
}

/** Waits for all of them, but no longer than that; tells what was thrown. Milliseconds. */
export async function allWithin(
  ms: number,
  work: (() => unknown)[],
  threw: (error: unknown) => void,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  const each = work.map(async (run) => {
    try {
      await run()
    } catch (error) {
      threw(error)
    }
  })
  await Promise.race([Promise.all(each), timeout])
  clearTimeout(timer)
}
