import type { ConnectionAccount, InstanceReceipt, Phases, Receipt } from '../../model/index.js'
import { cutConnections, describeExit } from '../../model/index.js'
import { counted, duration } from '../../model/text.js'
import { table } from './table.js'
import type { Paint } from './talk.js'

/** The receipt of one rollout as text. */
export function receiptLines(receipt: Receipt, paint: Paint): string[] {
  return [
    verdict(receipt, paint),
    ...table([
      titles.map((title) => paint('grey', title)),
      ...receipt.instances.map((instance) => instanceRow(instance, paint)),
    ]),
    phasesLine(receipt.phases),
    ...drainingLines(receipt),
    ...unreadyLines(receipt),
    ...(receipt.kernel
      ? [`  listen queues: ${receipt.kernel.ListenOverflows} overflows, ${receipt.kernel.ListenDrops} drops`]
      : []),
    ...datagramLines(receipt),
  ]
}

/** Those that have exited since the end of the rollout do not count. */
function drainingLines({ draining, instances }: Receipt): string[] {
  const left = instances.filter(({ reason, exit }) => reason !== undefined && exit === undefined).length
  const count = Math.min(draining, left)
  if (count === 0) return []
  const held = count === 1 ? 'it holds' : 'they hold'
  return [`  ${counted(count, 'old instance')} still finishing what ${held}, accepting nothing new`]
}

/** One line for each instance that was not ready for a time. */
const unreadyLines = ({ instances }: Receipt): string[] =>
  instances.flatMap(({ id, unready = [] }) => {
    const last = unready.at(-1)
    if (last === undefined) return []
    const times = unready.length === 1 ? 'once' : `${unready.length} times`
    const left = last.leftConnections ? ', and left new connections to the others' : ''
    const how = last.ms === undefined ? 'and still was not at the end' : `for ${duration(last.ms)}`
    return [
      `  not ready: ${id} ${times}, last after ${duration(last.afterMs)}, ${how}: ${last.reason}${left}`,
    ]
  })

/** Empty for services without UDP. */
function datagramLines({ instances, kernel }: Receipt): string[] {
  const rows = instances.flatMap(({ id, account }) => {
    const { datagramsReceived: received = 0, datagramsSent: sent = 0 } = account ?? {}
    return received + sent === 0 ? [] : [`${id} received ${received}, sent ${sent}`]
  })
  if (rows.length === 0) return []
  const drops = kernel === null ? '' : `; queues: ${kernel.UdpRcvbufErrors ?? 0} drops`
  return [`  datagrams: ${rows.join('; ')}${drops}`]
}

export function phasesLine({ ready, stoppedAccepting, drained }: Phases): string {
  const phases = [
    ['ready', ready],
    ['old stopped accepting', stoppedAccepting],
    ['old drained', drained],
  ] as const
  const reached = phases.flatMap(([phase, ms]) => (ms === null ? [] : `${phase} after ${duration(ms)}`))
  return `  phases: ${reached.join(', ') || 'none reached'}`
}

const titles = [
  '  INSTANCE',
  'REVISION',
  'READY',
  'STOPPED ACCEPTING',
  'DRAINED',
  'ANSWERED',
  'SLOWEST',
  'ADOPTED',
  'HANDED OVER',
  'ENDED',
  'OPEN',
  'REFUSED',
  'CUT',
  '',
]

type RolloutResult = Pick<
  Receipt,
  'service' | 'fromRevision' | 'toRevision' | 'wallMs' | 'outcome' | 'failure'
>

/** First line of a receipt: service, revisions, outcome and time. */
export function verdict(receipt: RolloutResult, paint: Paint): string {
  const { service, fromRevision, toRevision } = receipt
  const way = fromRevision === null ? `revision ${toRevision}` : `revision ${fromRevision} to ${toRevision}`
  const time = duration(receipt.wallMs)
  switch (receipt.outcome) {
    case 'complete':
      return `${paint('green', '✔')} ${service}: ${way}, complete in ${time}`
    case 'rolled-back':
      return `${paint('yellow', '↩')} ${service}: ${way}, rolled back after ${time}: ${receipt.failure?.message ?? ''}`
    case 'failed':
      return `${paint('red', '✘')} ${service}: ${way}, failed after ${time}: ${receipt.failure?.message ?? ''}`
    case 'stopped':
      return `${paint('grey', '■')} ${service}: ${way}, stopped after ${time}`
  }
}

function instanceRow(instance: InstanceReceipt, paint: Paint): string[] {
  const { account, unaccounted = 0 } = instance
  const known = (value: number | undefined) => (value === undefined ? '' : duration(value))
  return [
    `  ${instance.id}`,
    `${instance.revision} ${instance.side}`,
    known(instance.readyMs),
    known(instance.stoppedAcceptingMs),
    known(instance.drainMs),
    account ? String(account.answered) : 'unknown',
    ...(account ? figures(account) : ['', '', '', '', '', '']),
    cut(cutConnections(instance), paint),
    [
      instance.inPlace ? 'in place' : '',
      instance.exit && !isOrderly(instance) ? describeExit(instance.exit) : '',
      unaccounted === 0 ? '' : paint('red', `${counted(unaccounted, 'connection')} unaccounted for`),
      instance.killed ? paint('red', 'SIGKILL at the end of its grace period') : '',
    ]
      .filter((word) => word !== '')
      .join(', '),
  ]
}

const figures = (account: ConnectionAccount): string[] => {
  const { adopted, handedOver, endedByPeer, endedOrderly, open, slowestMs, refused = '' } = account
  return [
    slowestMs === undefined ? '' : duration(slowestMs),
    ...[adopted, handedOver, endedByPeer + endedOrderly, open, refused].map(String),
  ]
}

const cut = (connections: number | null, paint: Paint): string =>
  connections === null || connections === 0 ? String(connections ?? '') : paint('red', String(connections))

const isOrderly = ({ exit }: InstanceReceipt): boolean => exit?.code === 0
