import { setTimeout as later } from 'node:timers/promises'

/** What is expected: a clause such as `the process is gone`; a function where the text depends on what was seen. */
export type Expectation = string | (() => string)

const textOf = (what: Expectation): string => (typeof what === 'string' ? what : what())

/** Looks every 20 ms until the condition holds; for what no event reports. Rejects after `seconds`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: Expectation,
  seconds = 30,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`expected within ${seconds} s: ${textOf(what)}`)
    await later(20)
  }
}

/** Settles as the promise does; rejects after `seconds`. */
export async function within<T>(
  promise: Promise<T>,
  what: Expectation = 'it settles',
  seconds = 10,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`expected within ${seconds} s: ${textOf(what)}`)),
      seconds * 1000,
    )
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Lets tests wait for a condition that only events can change: its owner calls `changed` at each of them. */
export class Changes {
  #waiting: (() => void)[] = []

  /** Looks again at every condition that waits. */
  changed(): void {
    for (const look of this.#waiting.splice(0)) look()
  }

  /** Resolves once the condition holds. Rejects after `seconds`, and with what the condition throws. */
  until(condition: () => boolean, what: Expectation, seconds = 15): Promise<void> {
    const met = async () => {
      while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return within(met(), what, seconds)
  }
}
