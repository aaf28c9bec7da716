import type { Deployment } from '../../kubernetes/rollout/index.js'
import type { KubernetesObject, KubernetesVersion } from '../../kubernetes/render/index.js'
import { kubernetesObjects, newestVersion, parseVersion } from '../../kubernetes/render/index.js'
import type { Application, Manifest } from '../../kubernetes/api/apply.js'
import { applyOne, namespaceOf, rehearse, titleOf } from '../../kubernetes/api/apply.js'
import { refused } from '../../kubernetes/api/failures.js'
import type { Answer, ApiFailure, Cluster } from '../../kubernetes/api/ports.js'
import { exitCodes, worstExitCode } from '../../control/api.js'
import { exitCodeOf, valueOf } from '../exit.js'
import { say } from '../output/talk.js'
import { fail, reach } from './reach.js'
import { readOrder } from './read-order.js'
import type { Roll, RollOptions } from './show.js'
import { rollAndShow } from './show.js'

export interface ApplyOptions extends RollOptions {
  set?: string[]
  cause?: string
  forceConflicts?: boolean
  dryRun?: boolean
}

/** Renders the configuration for the cluster's version, applies all of it in order, and watches what it rolls. */
export async function apply(config: string | undefined, options: ApplyOptions): Promise<number> {
  const cluster = reach(options)
  const { set, namespace, config: file } = options
  const order = await readOrder(config, { set, namespace, config: file }, await versionOf(cluster))
  const { objects, notes } = valueOf(kubernetesObjects(order))
  for (const note of notes) say(`note: ${note}`)
  const manner: Manner = {
    force: options.forceConflicts === true,
    cause: options.cause ?? causeOf(set),
    tell: say,
    onDeployment: () => {},
    turn: () => Promise.resolve(true),
  }
  const rehearsed = await rehearse(cluster, objects.map(asManifest), manner.force)
  if (!rehearsed.ok)
    return fail({ ...rehearsed.failure, message: `${rehearsed.failure.message}; nothing was applied` })
  if (options.dryRun) {
    for (const { manifest, live } of rehearsed.value)
      say(`${titleOf(manifest)} would be ${live ? 'applied' : 'created'}`)
    return exitCodes.done
  }
  return options.wait === false
    ? finish({ ...(await applyAll(cluster, rehearsed.value, manner)), told: false }, 0)
    : applyAndRoll(cluster, rehearsed.value, manner, options)
}

const causeOf = (set: string[] = []): string => ['apply', ...set].join(' ')
const asManifest = (object: KubernetesObject): Manifest => object

async function versionOf(cluster: Cluster): Promise<KubernetesVersion> {
  const answer = await cluster.call({ method: 'GET', path: '/version' })
  if (!answer.ok) return fail(answer.failure)
  const { gitVersion = '' } = answer.value as { gitVersion?: string }
  const version = parseVersion(gitVersion)
  if (version.ok) return version.value
  say(
    `note: ${cluster.server} is of version "${gitVersion}", which is not known here: rendering for the newest`,
  )
  return newestVersion
}

type DeploymentAnswer = Answer<Deployment>

/** A Deployment waits to be applied until its turn has come, and its turn waits until it is watched. */
interface Gate {
  roll: Roll
  /** False: its watching ended before it began. */
  watched: Promise<boolean>
  pass(answer: DeploymentAnswer): void
}

async function applyAndRoll(
  cluster: Cluster,
  applications: Application[],
  manner: Manner,
  options: ApplyOptions,
): Promise<number> {
  const gates = new Map<Manifest, Gate>()
  for (const application of applications)
    if (application.manifest.kind === 'Deployment')
      gates.set(application.manifest, gateOf(cluster, application))
  let applying: Promise<Account> = Promise.resolve({ failure: null, told: false })
  const rolls = [...gates.values()].map(({ roll }) => roll)
  const code = await rollAndShow(rolls, options, (tell) => {
    applying = applyAll(cluster, applications, {
      ...manner,
      tell,
      onDeployment: (manifest, answer) => gates.get(manifest)?.pass(answer),
      turn: (manifest) => gates.get(manifest)?.watched ?? Promise.resolve(true),
    })
  })
  return finish(await applying, code)
}

function gateOf(cluster: Cluster, { manifest, live }: Application): Gate {
  let look = (_: boolean) => {}
  let pass = (_: DeploymentAnswer) => {}
  const watched = new Promise<boolean>((resolve) => (look = resolve))
  const applied = new Promise<DeploymentAnswer>((resolve) => (pass = resolve))
  const deployment = (live ?? {
    ...manifest,
    metadata: { ...manifest.metadata, uid: '' },
  }) as unknown as Deployment
  return {
    watched,
    pass,
    roll: {
      cluster: { ...cluster, namespace: namespaceOf(manifest, cluster) },
      deployment,
      cause: 'apply',
      begin() {
        look(true)
        return applied
      },
      onEnd: () => look(false),
    },
  }
}

interface Manner {
  force: boolean
  cause: string
  tell(line: string): void
  onDeployment(manifest: Manifest, answer: DeploymentAnswer): void
  /** Resolves when the object may be applied; with false when nobody watches it any more. */
  turn(manifest: Manifest): Promise<boolean>
}

interface Account {
  failure: ApiFailure | null
  /** Whether a Deployment has told of the failure already. */
  told: boolean
}

/** In order, and no further than the first that is refused; says what was applied and what was not. */
async function applyAll(
  cluster: Cluster,
  applications: Application[],
  { force, cause, tell, onDeployment, turn }: Manner,
): Promise<Account> {
  const applied: string[] = []
  for (const [index, application] of applications.entries()) {
    const { manifest } = application
    const answer = (await turn(manifest))
      ? await applyOne(cluster, application, force, cause)
      : unwatched(manifest)
    if (!answer.ok) {
      const failure = halfway(answer.failure, applied, applications.slice(index + 1))
      const waiting = applications.slice(index).filter((one) => one.manifest.kind === 'Deployment')
      for (const one of waiting) onDeployment(one.manifest, { ok: false, failure })
      return { failure, told: waiting.length > 0 && answer.failure.code !== 'Superseded' }
    }
    const { object, result } = answer.value
    applied.push(titleOf(manifest))
    tell(`${titleOf(manifest)} ${result}`)
    onDeployment(manifest, { ok: true, value: object })
  }
  return { failure: null, told: false }
}

const unwatched = (manifest: Manifest) =>
  refused({
    status: 0,
    code: 'Superseded',
    message: `${titleOf(manifest)} was not applied: its watching ended`,
  })

function halfway(failure: ApiFailure, applied: string[], left: Application[]): ApiFailure {
  const names = left.map(({ manifest }) => titleOf(manifest)).join(', ')
  const parts = [
    failure.message,
    applied.length > 0 ? `applied before it: ${applied.join(', ')}` : 'nothing was applied before it',
    ...(left.length > 0 ? [`not applied: ${names}`] : []),
  ]
  return { ...failure, message: parts.join('; ') }
}

function finish({ failure, told }: Account, code: number): number {
  if (!failure) return code
  if (!told) say(`handover: ${failure.message}`)
  return worstExitCode([code, exitCodeOf(failure)])
}
