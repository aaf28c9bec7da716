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

/** Renders the configuration for the cluster's version, applies the objects in order, and watches the rollouts. */
export async function apply(config: string | undefined, options: ApplyOptions): Promise<number> {
  const cluster = await reach(options)
  const { set, namespace, config: file } = options
  const order = await readOrder(config, { set, namespace, config: file }, await versionOf(cluster))
  const { objects, notes } = valueOf(kubernetesObjects(order))
  for (const note of notes) say(`note: ${note}`)
  const context: ApplyContext = {
    force: options.forceConflicts === true,
    cause: options.cause ?? causeOf(set),
    report: say,
    onDeployment: () => {},
    mayApply: () => Promise.resolve(true),
  }
  const rehearsed = await rehearse(cluster, objects.map(asManifest), context.force)
  if (!rehearsed.ok)
    return fail({ ...rehearsed.failure, message: `${rehearsed.failure.message}; nothing was applied` })
  if (options.dryRun) {
    for (const { manifest, live } of rehearsed.value)
      say(`${titleOf(manifest)} would be ${live ? 'applied' : 'created'}`)
    return exitCodes.done
  }
  return options.wait === false
    ? finish({ ...(await applyAll(cluster, rehearsed.value, context)), reported: false }, 0)
    : applyAndRoll(cluster, rehearsed.value, context, options)
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
    `note: ${cluster.server} has the unknown version "${gitVersion}": rendering for the newest known version`,
  )
  return newestVersion
}

type DeploymentAnswer = Answer<Deployment>

/** A Deployment that is applied once it is watched, so that no event of its rollout is missed. */
interface PendingDeployment {
  roll: Roll
  /** Resolves with true once it is watched, with false if watching ended before. */
  watched: Promise<boolean>
  /** Passes the server's answer on to `roll`. */
  settle(answer: DeploymentAnswer): void
}

async function applyAndRoll(
  cluster: Cluster,
  applications: Application[],
  context: ApplyContext,
  options: ApplyOptions,
): Promise<number> {
  const pending = new Map<Manifest, PendingDeployment>()
  for (const application of applications)
    if (application.manifest.kind === 'Deployment')
      pending.set(application.manifest, pendingDeployment(cluster, application))
  let applying: Promise<ApplyOutcome> = Promise.resolve({ failure: null, reported: false })
  const rolls = [...pending.values()].map(({ roll }) => roll)
  const code = await rollAndShow(rolls, options, (report) => {
    applying = applyAll(cluster, applications, {
      ...context,
      report,
      onDeployment: (manifest, answer) => pending.get(manifest)?.settle(answer),
      mayApply: (manifest) => pending.get(manifest)?.watched ?? Promise.resolve(true),
    })
  })
  return finish(await applying, code)
}

function pendingDeployment(cluster: Cluster, { manifest, live }: Application): PendingDeployment {
  let setWatched = (_: boolean) => {}
  let settle = (_: DeploymentAnswer) => {}
  const watched = new Promise<boolean>((resolve) => (setWatched = resolve))
  const applied = new Promise<DeploymentAnswer>((resolve) => (settle = resolve))
  const deployment = (live ?? {
    ...manifest,
    metadata: { ...manifest.metadata, uid: '' },
  }) as unknown as Deployment
  return {
    watched,
    settle,
    roll: {
      cluster: { ...cluster, namespace: namespaceOf(manifest, cluster) },
      deployment,
      cause: 'apply',
      begin() {
        setWatched(true)
        return applied
      },
      onEnd: () => setWatched(false),
    },
  }
}

interface ApplyContext {
  force: boolean
  cause: string
  report(line: string): void
  onDeployment(manifest: Manifest, answer: DeploymentAnswer): void
  /** Resolves when the object may be applied, with false if it is no longer watched. */
  mayApply(manifest: Manifest): Promise<boolean>
}

interface ApplyOutcome {
  failure: ApiFailure | null
  /** Whether a Deployment's rollout has reported the failure already. */
  reported: boolean
}

/** Applies in order and stops at the first refusal; the failure lists what was applied and what was not. */
async function applyAll(
  cluster: Cluster,
  applications: Application[],
  { force, cause, report, onDeployment, mayApply }: ApplyContext,
): Promise<ApplyOutcome> {
  const applied: string[] = []
  for (const [index, application] of applications.entries()) {
    const { manifest } = application
    const answer = (await mayApply(manifest))
      ? await applyOne(cluster, application, force, cause)
      : unwatched(manifest)
    if (!answer.ok) {
      const failure = halfway(answer.failure, applied, applications.slice(index + 1))
      const waiting = applications.slice(index).filter((one) => one.manifest.kind === 'Deployment')
      for (const one of waiting) onDeployment(one.manifest, { ok: false, failure })
      return { failure, reported: waiting.length > 0 && answer.failure.code !== 'Superseded' }
    }
    const { object, result } = answer.value
    applied.push(titleOf(manifest))
    report(`${titleOf(manifest)} ${result}`)
    onDeployment(manifest, { ok: true, value: object })
  }
  return { failure: null, reported: false }
}

const unwatched = (manifest: Manifest) =>
  refused({
    status: 0,
    code: 'Superseded',
    message: `${titleOf(manifest)} was not applied: it is no longer watched`,
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

function finish({ failure, reported }: ApplyOutcome, code: number): number {
  if (!failure) return code
  if (!reported) say(`handover: ${failure.message}`)
  return worstExitCode([code, exitCodeOf(failure)])
}
