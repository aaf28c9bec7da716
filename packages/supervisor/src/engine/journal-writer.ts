import { counted, duration } from '../model/text.js'
import type { Event, JournalBacklog, Result } from '../model/index.js'
import type { World } from '../ports.js'

/**
 * Writes the journal. If that fails, for example because the disk is full, events are kept in memory, in order, and
 * written together once it succeeds again: services and rollouts do not wait for a disk. Until then they are also in the
 * journal's reserve, if that can be written, for the case that this process is killed.
 */
export interface JournalWriter {
  append(events: Event[]): void
  /** Replaces everything that was journaled, and everything that is only in memory. */
  rewrite(events: Event[]): void
  /** Whether `rewrite` would shorten it. */
  readonly overgrown: boolean
  /** Null while every event is in the journal. */
  backlog(): JournalBacklog | null
  /** Creates the file again if it was removed. */
  check(): void
  /** Makes a last attempt to write what is in memory. */
  close(): void
}

interface Behind {
  since: number
  reason: string
  /** What is to replace the whole journal before `events` are appended. Null if nothing is. */
  replacement: Event[] | null
  events: Event[]
  cancelRetry: () => void
}

/** `log` gets one line when the journal falls behind, and one when it has caught up. */
export function journalWriter({ journal, clock }: World, log: (line: string) => void): JournalWriter {
  let behind: Behind | null = null
  let rewriteAgainAt = 0

  function fallBehind(reason: string, events: Event[], replacement: Event[] | null = null): void {
    log(
      `${reason}; services and upgrades continue, and events are kept in memory until it can be written again`,
    )
    behind = { since: clock.now(), reason, replacement, events, cancelRetry: retryLater() }
    journal.keep(behind)
  }

  const retryLater = () => clock.at(clock.now() + retryMs, retry)

  function write({ replacement, events }: Behind): Result<true> {
    return replacement ? journal.rewrite([...replacement, ...events]) : journal.append(events)
  }

  function retry(): void {
    if (!behind) return
    const written = write(behind)
    if (written.ok) {
      const { events, since } = behind
      behind = null
      log(
        `the journal is complete again: ${counted(events.length, 'event')} of the last ${duration(clock.now() - since)} caught up`,
      )
    } else {
      behind.reason = written.failure.message
      behind.cancelRetry = retryLater()
    }
  }

  function append(events: Event[]): void {
    if (events.length === 0) return
    if (behind) {
      behind.events.push(...events)
      return journal.keep(behind)
    }
    const written = journal.append(events)
    if (!written.ok) fallBehind(written.failure.message, [...events])
  }

  return {
    append,
    rewrite(events) {
      if (behind) {
        behind.replacement = events
        behind.events = []
        return journal.keep(behind)
      }
      const written = journal.rewrite(events)
      if (written.ok) return
      // The file is as it was: complete, but long; unless the rest of it is kept elsewhere.
      if (journal.hasKept) fallBehind(written.failure.message, [], events)
      else rewriteAgainAt = clock.now() + rewriteAgainMs
    },
    get overgrown() {
      if (behind) return behind.events.length > maxInMemory
      return journal.overgrown && clock.now() >= rewriteAgainAt
    },
    backlog: () => behind && { since: behind.since, reason: behind.reason, events: countOf(behind) },
    check() {
      if (behind) return
      const checked = journal.append([])
      if (!checked.ok) fallBehind(checked.failure.message, [])
    },
    close() {
      behind?.cancelRetry()
      retry()
      if (behind) log(`${behind.reason}; ${counted(countOf(behind), 'event')} will not be in it`)
      behind = null
      journal.close()
    },
  }
}

const countOf = ({ replacement, events }: Behind): number => (replacement?.length ?? 0) + events.length

const retryMs = 1000
const rewriteAgainMs = 60_000
/** Events. About 600 kB; a rollout of two instances has about 20. */
const maxInMemory = 2000
