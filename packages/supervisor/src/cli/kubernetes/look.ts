import { deploymentStatus, explainDeployment, historyOf } from '../../kubernetes/rollout/index.js'
import type { Deployment, Watched } from '../../kubernetes/rollout/index.js'
import { isListed, nothingWatched, observe } from '../../kubernetes/rollout/index.js'
import { follow } from '../../kubernetes/api/follow.js'
import { look } from '../../kubernetes/api/look.js'
import type { Cluster } from '../../kubernetes/api/ports.js'
import { podStatusLines, revisionLines } from '../output/pods.js'
import { redraw } from '../output/redraw.js'
import { painter, print, printJson, say } from '../output/talk.js'
import type { KubernetesOptions } from './reach.js'
import { fail, reachDeployment } from './reach.js'

export async function status(service: string | undefined, options: KubernetesOptions & { watch?: boolean }) {
  const { cluster, deployment } = await reachDeployment(service, options)
  if (options.watch) return watch(cluster, deployment, options)
  const answer = deploymentStatus(await seen(cluster, deployment), null, Date.now())
  if (options.json) return printJson(answer)
  for (const line of podStatusLines(answer, painter(process.stdout), Date.now())) print(line)
}

export async function history(service: string | undefined, options: KubernetesOptions) {
  const { cluster, deployment } = await reachDeployment(service, options)
  const revisions = historyOf(await seen(cluster, deployment))
  if (options.json) return printJson(revisions)
  for (const line of revisionLines(revisions, painter(process.stdout), Date.now())) print(line)
}

export async function explain(service: string | undefined, options: KubernetesOptions) {
  const { cluster, deployment } = await reachDeployment(service, options)
  const lines = explainDeployment(await seen(cluster, deployment), Date.now())
  const { name } = deployment.metadata
  if (options.json) return printJson([{ service: name, lines }])
  print(name)
  for (const line of lines.length > 0 ? lines : ['nothing is waiting']) print(`  ${line}`)
}

async function seen(cluster: Cluster, deployment: Deployment): Promise<Watched> {
  const answer = await look(cluster, deployment)
  return answer.ok ? answer.value : fail(answer.failure)
}

/** Ends on Ctrl-C or when the API server is lost. With --json or without a terminal it prints every change in full. */
async function watch(cluster: Cluster, deployment: Deployment, options: KubernetesOptions) {
  const stop = new AbortController()
  const screen = process.stdout.isTTY && !options.json ? redraw(process.stdout) : null
  const paint = painter(process.stdout)
  let watched = nothingWatched(deployment.metadata.name)
  const draw = () => {
    if (!isListed(watched)) return
    const answer = deploymentStatus(watched, null, Date.now())
    if (options.json) return print(JSON.stringify(answer))
    const lines = podStatusLines(answer, paint, Date.now())
    if (screen) screen.draw(lines)
    else for (const text of [...lines, '']) print(text)
  }
  process.once('SIGINT', () => stop.abort())
  const failure = await follow({
    cluster,
    deployment,
    signal: stop.signal,
    lostAfterSeconds: 60,
    onNote: screen ? () => {} : say,
    onObservation(observation) {
      watched = observe(watched, observation, Date.now())
      draw()
    },
  })
  screen?.end(true)
  if (failure) return fail(failure)
  process.exitCode = 130
}
