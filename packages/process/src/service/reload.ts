import type { Announcer } from '../announce/announcer.js'

/** Runs `work`, and announces that the application reads its configuration again, and with which error if it fails. */
export async function reload<T>(announcer: Announcer, work: () => T | Promise<T>): Promise<T> {
  announcer.reloading()
  try {
    const result = await work()
    announcer.reloaded()
    return result
  } catch (error) {
    announcer.reloaded(error)
    throw error
  }
}
