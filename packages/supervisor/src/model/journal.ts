import { counted, duration } from './text.js'

/** The journal cannot be written, so the newest events are only in the supervisor's memory. */
export interface JournalBacklog {
  /** When the first write failed, in milliseconds since the epoch. */
  since: number
  /** Why the last attempt failed, with the path and the error. */
  reason: string
  /** Number of events that are not in the journal yet. */
  events: number
}

/** A backlog as one sentence, for `status` and after an operation. */
export const describeBacklog = ({ since, reason, events }: JournalBacklog, now: number): string =>
  `${reason}; ${counted(events, 'event')} of the last ${duration(now - since)} ${events === 1 ? 'is' : 'are'} in memory only, until it can be written again`
