import type { InstanceStatus, ServiceStatus, Status } from '../../model/index.js'
import { duration } from '../../model/text.js'
import { stateColour } from './status.js'
import type { Paint } from './talk.js'

/**
 * The live picture of a rollout: a line for each revision that has instances, a cell for each instance.
 *
 *     web  rolling from revision 3 to 4 (upgrade)  1.24 s
 *       revision 4  ● web-9   ◌ web-10 starting
 *       revision 3  ● web-8   ○ web-7 draining, 12 open
 */
export function pictureLines(status: Status, services: string[], paint: Paint, now: number): string[] {
  return status.services
    .filter(({ name }) => services.length === 0 || services.includes(name))
    .flatMap((service) => servicePicture(service, paint, now))
}

/** The picture of one service. */
export function servicePicture(service: ServiceStatus, paint: Paint, now: number): string[] {
  const revisions = [...new Set(service.instances.map(({ revision }) => revision))].sort((a, b) => b - a)
  const { rollout } = service
  const heading = rollout
    ? `${phaseWord[rollout.phase]} from revision ${rollout.from ?? 'none'} to ${rollout.to} (${rollout.cause})  ${duration(now - rollout.startedAt)}`
    : `revision ${service.revision}, ${service.available}/${service.replicas} available`
  return [
    `${paint('bold', service.name)}  ${heading}${service.paused ? `  ${paint('yellow', 'paused')}` : ''}`,
    ...revisions.map((revision) => {
      const cells = service.instances.filter((instance) => instance.revision === revision)
      return `  revision ${revision}  ${cells.map((instance) => cell(instance, paint)).join('   ')}`
    }),
    ...service.waiting.slice(0, 3).map((reason) => `  ${paint('grey', `waiting: ${reason}`)}`),
  ]
}

const phaseWord = { progressing: 'rolling', rollingBack: 'rolling back', failed: 'failed' } as const

const mark: Record<InstanceStatus['state'], string> = {
  starting: '◌',
  ready: '●',
  unready: '◍',
  draining: '○',
  crashed: '✘',
}

function cell(instance: InstanceStatus, paint: Paint): string {
  const colour = stateColour[instance.state]
  const open = instance.connections === null ? '' : `, ${instance.connections} open`
  const words =
    instance.state === 'ready' ? '' : ` ${instance.state}${instance.state === 'draining' ? open : ''}`
  return `${paint(colour, mark[instance.state])} ${instance.id}${paint('grey', words)}`
}
