import type { ServiceHistory } from '../../control/api.js'
import type { InstanceReceipt, Receipt } from '../../model/index.js'
import { cutConnections } from '../../model/index.js'
import { counted, duration } from '../../model/text.js'
import { table } from './table.js'
import type { Paint } from './talk.js'

/** `handover history` as text: the newest revision is last, as in `kubectl rollout history`. */
export function historyLines(histories: ServiceHistory[], paint: Paint): string[] {
  return histories.flatMap(({ service, revisions }) => [
    paint('bold', service),
    ...table([
      ['  REVISION', 'CREATED', 'CAUSE', 'RELEASE', 'ROLLOUT'].map((title) => paint('grey', title)),
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

function outcome(receipt: Receipt): string {
  const { outcome, wallMs, failure } = receipt
  const end = `${outcome} in ${duration(wallMs)}${failure ? `: ${failure.message}` : ''}`
  return [end, ...figures(receipt)].join(', ')
}

/** Sums over the instances' connections; instances without an account are only counted. */
function figures({ instances }: Receipt): string[] {
  const known = instances.filter(({ account }) => account !== null)
  const total = (figure: (instance: InstanceReceipt) => number) =>
    known.reduce((sum, instance) => sum + figure(instance), 0)
  const faults = [
    [instances.reduce((sum, instance) => sum + (cutConnections(instance) ?? 0), 0), 'cut'],
    [total(({ unaccounted = 0 }) => unaccounted), 'unaccounted for'],
  ] as const
  return [
    ...(known.length > 0 ? [`${total(({ account }) => account?.handedOver ?? 0)} handed over`] : []),
    ...faults.flatMap(([figure, what]) => (figure === 0 ? [] : `${figure} ${what}`)),
    ...(known.length < instances.length
      ? [`${counted(instances.length - known.length, 'account')} not known`]
      : []),
  ]
}
