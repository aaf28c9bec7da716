import type { Deployment } from '../../kubernetes/rollout/index.js'
import { annotations, imageOwner, undoTarget } from '../../kubernetes/rollout/index.js'
import type { Answer } from '../../kubernetes/api/ports.js'
import type { DeploymentPatch } from '../../kubernetes/api/resources.js'
import { mergeDeployment } from '../../kubernetes/api/resources.js'
import { undoTo } from '../../kubernetes/api/undo.js'
import { exitCodes } from '../../control/api.js'
import type { Failure } from '../../model/index.js'
import { CommandExit } from '../exit.js'
import { say } from '../output/talk.js'
import { fail, reachDeployment } from './reach.js'
import type { Roll, RollOptions } from './show.js'
import { rollAndShow } from './show.js'

export interface UpgradeOptions extends RollOptions {
  image: string
  container?: string
  cause?: string
  forceConflicts?: boolean
}

export async function upgrade(service: string | undefined, options: UpgradeOptions): Promise<number> {
  const { cluster, deployment } = await reachDeployment(service, options)
  const { name } = deployment.metadata
  const container = containerOf(deployment, options.container)
  refuseOwned(deployment, container, options)
  const changeCause = options.cause ?? `upgrade to ${options.image}`
  const patch: DeploymentPatch = {
    metadata: { annotations: { [annotations.changeCause]: changeCause } },
    spec: { template: { spec: { containers: [{ name: container, image: options.image }] } } },
  }
  if (
    deployment.spec.template.spec.containers.some(
      (one) => one.name === container && one.image === options.image,
    )
  ) {
    say(`"${name}" already has the image "${options.image}": there is nothing to roll out`)
    delete patch.metadata // keeps the cause of the current revision
  }
  return run(
    { cluster, deployment, cause: 'upgrade', begin: () => mergeDeployment(cluster, name, patch) },
    options,
  )
}

/**
 * The image is set by a strategic merge patch of this one field, under the field manager "handover". A server-side
 * apply of this field alone would remove everything else that handover applied before, or need a second manager
 * that conflicts with the first. A patch takes a field from its owner silently, so the owner is checked here.
 */
function refuseOwned(
  { metadata }: Deployment,
  container: string,
  { forceConflicts, image }: UpgradeOptions,
): void {
  const owner = imageOwner(metadata, container)
  if (owner === null || forceConflicts) return
  throw new CommandExit(
    exitCodes.failed,
    `field manager "${owner}" owns the image of container "${container}" and would set it back: change it there, or take it over with --force-conflicts --image ${image}`,
  )
}

function containerOf({ metadata, spec }: Deployment, wanted: string | undefined): string {
  const names = spec.template.spec.containers.map(({ name }) => name)
  const found =
    wanted === undefined && names.length === 1
      ? names[0]
      : names.find((name) => name === (wanted ?? metadata.name))
  if (found !== undefined) return found
  const known = names.map((name) => `"${name}"`).join(', ')
  throw new CommandExit(
    exitCodes.usage,
    wanted === undefined
      ? `--container is missing, wanted one of ${known} of "${metadata.name}"`
      : `--container is "${wanted}", wanted one of ${known} of "${metadata.name}"`,
  )
}

export async function undo(
  service: string | undefined,
  options: RollOptions & { toRevision?: number },
): Promise<number> {
  const { cluster, deployment } = await reachDeployment(service, options)
  refusePaused(deployment, 'undo')
  return run(
    {
      cluster,
      deployment,
      cause: 'undo',
      async begin(watched) {
        const target = undoTarget(watched, options.toRevision ?? null)
        if (!target.ok) return refusedBy(target.failure)
        return undoTo(cluster, watched.deployment ?? deployment, target.value)
      },
    },
    { ...options, undo: false },
  )
}

const refusedBy = (failure: Failure): Answer<Deployment> => ({
  ok: false,
  failure: { ...failure, status: 0 },
})

export async function restart(service: string | undefined, options: RollOptions): Promise<number> {
  const { cluster, deployment } = await reachDeployment(service, options)
  refusePaused(deployment, 'restart')
  const metadata = { annotations: { [annotations.restartedAt]: new Date().toISOString() } }
  const begin = () =>
    mergeDeployment(cluster, deployment.metadata.name, {
      metadata: { annotations: { [annotations.changeCause]: 'restart' } },
      spec: { template: { metadata } },
    })
  return run({ cluster, deployment, cause: 'restart', begin }, options)
}

/** `assignment` is `web=4`, or `4` where the configuration has one service. */
export async function scale(assignment: string, options: RollOptions): Promise<number> {
  const [, service, number] = /^(?:([^=]+)=)?(\d+)$/.exec(assignment) ?? []
  if (number === undefined)
    throw new CommandExit(
      exitCodes.usage,
      `the argument is "${assignment}", wanted service=replicas, for example web=4`,
    )
  const { cluster, deployment } = await reachDeployment(service, options)
  const begin = () =>
    mergeDeployment(cluster, deployment.metadata.name, { spec: { replicas: Number(number) } })
  return run({ cluster, deployment, cause: `scale to ${number}`, begin }, { ...options, undo: false })
}

/** kubectl refuses these for a paused Deployment too: they would have no effect before it is resumed. */
function refusePaused({ metadata, spec }: Deployment, verb: string): void {
  if (spec.paused)
    throw new CommandExit(exitCodes.failed, `"${metadata.name}" is paused: resume it before you ${verb} it`)
}

export async function run(roll: Roll, options: RollOptions): Promise<number> {
  if (options.wait !== false) return rollAndShow([roll], options)
  const { begun, name } = await beginOnly(roll)
  if (!begun.ok) return fail(begun.failure)
  say(
    `${name}: ${roll.cause} started; "handover kubernetes status ${name} --watch" shows it; a failure is not undone`,
  )
  return exitCodes.done
}

async function beginOnly(roll: Roll): Promise<{ begun: Answer<Deployment>; name: string }> {
  const { look } = await import('../../kubernetes/api/look.js')
  const watched = await look(roll.cluster, roll.deployment)
  const { name } = roll.deployment.metadata
  return { begun: watched.ok ? await roll.begin(watched.value) : watched, name }
}

/** `pause` and `resume`. */
export async function pause(
  service: string | undefined,
  options: RollOptions,
  paused: boolean,
): Promise<number> {
  const { cluster, deployment } = await reachDeployment(service, options)
  const { metadata, spec } = deployment
  if ((spec.paused ?? false) === paused)
    throw new CommandExit(
      exitCodes.failed,
      `"${metadata.name}" is ${paused ? 'already paused' : 'not paused'}`,
    )
  const answer = await mergeDeployment(cluster, metadata.name, { spec: { paused: paused || null } })
  if (!answer.ok) return fail(answer.failure)
  say(`${metadata.name}: ${paused ? 'paused' : 'resumed'}`)
  return exitCodes.done
}
