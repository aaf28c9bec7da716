import type { InstanceStatus, ServiceStatus, Status } from '../../model/index.js'
import { table } from './table.js'
import type { Colour, Paint } from './talk.js'
import { describeBacklog, mebibytes } from '../../model/index.js'
import { duration } from '../../model/text.js'

/** `handover status` as text. */
export function statusLines(status: Status, paint: Paint, now: number): string[] {
  const { supervisor, services } = status
  const heading =
    `supervisor ${paint('bold', supervisor.name)}  pid ${supervisor.pid}  ${supervisor.version}  ` +
    `up ${duration(now - supervisor.startedAt)}  ${mebibytes(supervisor.rssBytes)}`
  const backlog = supervisor.journalBacklog
  const warnings = backlog ? [`${paint('yellow', 'warning:')} ${describeBacklog(backlog, now)}`] : []
  return [heading, ...warnings, ...services.flatMap((service) => ['', ...serviceLines(service, paint, now)])]
}

export function serviceLines(service: ServiceStatus, paint: Paint, now: number): string[] {
  const listeners = service.listeners.map(listenerText).join(', ')
  return [
    `${paint('bold', service.name)}  revision ${service.revision}  ` +
      `${service.available}/${service.replicas} available${flags(service)}`,
    ...(listeners === '' ? [] : [`  listens on ${listeners}`]),
    ...table([
      ['  INSTANCE', 'PID', 'REVISION', 'STATE', 'AGE', 'RESTARTS', 'CONNECTIONS', ''].map((title) =>
        paint('grey', title),
      ),
      ...service.instances.map((instance) => instanceRow(instance, paint, now)),
    ]),
    ...service.waiting.map((reason) => `  ${paint('yellow', 'waiting:')} ${reason}`),
  ]
}

const listenerText = ({ name, address, discovered }: ServiceStatus['listeners'][number]): string =>
  `${name} ${address}${discovered ? ' (discovered)' : ''}`

export function flags({ paused, stopping, rollout }: ServiceStatus): string {
  const words = [
    rollout ? `${rollout.phase} (revision ${rollout.from ?? 'none'} to ${rollout.to})` : '',
    paused ? 'paused' : '',
    stopping ? 'stopping' : '',
  ].filter((word) => word !== '')
  return words.length === 0 ? '' : `  ${words.join(', ')}`
}

const instanceRow = (instance: InstanceStatus, paint: Paint, now: number): string[] => [
  `  ${instance.id}`,
  instance.pid === null ? '-' : String(instance.pid),
  String(instance.revision),
  paint(stateColour[instance.state], instance.state),
  duration(now - instance.startedAt),
  String(instance.restarts),
  instance.connections === null ? '-' : String(instance.connections),
  instance.text ?? '',
]

export const stateColour: Record<InstanceStatus['state'], Colour> = {
  starting: 'blue',
  ready: 'green',
  unready: 'yellow',
  draining: 'grey',
  crashed: 'red',
}
