/** Resolves after the event loop has polled once more. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

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
