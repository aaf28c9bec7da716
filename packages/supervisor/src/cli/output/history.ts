import type { ServiceHistory } from '../../control/api.js'
import type { Receipt } from '../../model/index.js'
import { table } from './table.js'
import type { Paint } from './talk.js'
import { duration } from './units.js'

/** `handover history` as text: newest revision last, as in `kubectl rollout history`. */
export function historyLines(histories: ServiceHistory[], paint: Paint): string[] {
  return histories.flatMap(({ service, revisions }) => [
    paint('bold', service),
    ...table([
      ['  REVISION', 'MADE', 'CAUSE', 'RELEASE', 'ROLLOUT'].map((title) => paint('grey', title)),
      ...revisions.map(({ revision, receipts, current }) => [
        `${current ? '* ' : '  '}${revision.number}`,
        new Date(revision.createdAt).toISOString(),
        revision.cause,
        revision.release,
        receipts.map(outcome).join('; '),
      ]),
    ]),
  ])
}

const outcome = ({ outcome, wallMs, failure }: Receipt): string =>
  `${outcome} in ${duration(wallMs)}${failure ? `: ${failure.message}` : ''}`
