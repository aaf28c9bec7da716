import type { DeploymentReceipt, PodReceipt, RevisionRecord } from '../../kubernetes/rollout/index.js'
import { describeExit } from '../../model/index.js'
import type { InstanceStatus, ServiceStatus } from '../../model/index.js'
import { counted, duration } from '../../model/text.js'
import { phasesLine, verdict } from './receipt.js'
import { flags, stateColour } from './status.js'
import { table } from './table.js'
import type { Paint } from './talk.js'

/** The receipt of a Deployment's rollout as text. */
export function podReceiptLines(receipt: DeploymentReceipt, paint: Paint): string[] {
  const { draining } = receipt
  return [
    verdict(receipt, paint),
    ...table([
      titles(['  POD', 'REVISION', 'READY', 'DRAINED', 'RESTARTS', 'NODE', ''], paint),
      ...receipt.pods.map((pod) => podRow(pod, paint)),
    ]),
    phasesLine(receipt.phases),
    ...(draining > 0 ? [`  ${counted(draining, 'old pod')} still terminating, without new connections`] : []),
  ]
}

function podRow(pod: PodReceipt, paint: Paint): string[] {
  const known = (value: number | undefined) => (value === undefined ? '' : duration(value))
  return [
    `  ${pod.id}`,
    `${pod.revision} ${pod.side}`,
    known(pod.readyMs),
    known(pod.drainMs),
    String(pod.restarts),
    pod.node ?? '',
    endOf(pod, paint),
  ]
}

function endOf({ exit, killed }: PodReceipt, paint: Paint): string {
  if (killed) return paint('red', 'SIGKILL at the end of its grace period')
  if (exit === undefined || exit?.code === 0) return ''
  return exit === null ? 'exit status unknown' : paint('red', describeExit(exit))
}

/** `handover kubernetes status` as text. */
export function podStatusLines(service: ServiceStatus, paint: Paint, now: number): string[] {
  return [
    `${paint('bold', service.name)}  revision ${service.revision}  ` +
      `${service.available}/${service.replicas} available${flags(service)}`,
    ...table([
      titles(['  POD', 'REVISION', 'STATE', 'AGE', 'RESTARTS', 'NODE'], paint),
      ...service.instances.map((pod) => statusRow(pod, paint, now)),
    ]),
    ...service.waiting.map((reason) => `  ${paint('yellow', 'waiting:')} ${reason}`),
  ]
}

const statusRow = (pod: InstanceStatus, paint: Paint, now: number): string[] => [
  `  ${pod.id}`,
  String(pod.revision),
  paint(stateColour[pod.state], pod.state),
  duration(Math.max(0, now - pod.startedAt)),
  String(pod.restarts),
  pod.text ?? '',
]

/** `handover kubernetes history` as text. */
export const revisionLines = (revisions: RevisionRecord[], paint: Paint, now: number): string[] =>
  table([
    titles(['  REVISION', 'AGE', 'CAUSE', 'IMAGE', 'PODS', 'REPLICASET'], paint),
    ...revisions.map(
      ({ revision, createdAt, cause, images, pods, available, replicaSet, current, failed }) => [
        `${current ? '* ' : '  '}${revision}`,
        createdAt === null ? '' : duration(Math.max(0, now - Date.parse(createdAt))),
        `${cause ?? '-'}${failed ? paint('red', ' (failed)') : ''}`,
        images.join(', '),
        `${available}/${pods}`,
        replicaSet,
      ],
    ),
  ])

const titles = (names: string[], paint: Paint): string[] => names.map((name) => paint('grey', name))
