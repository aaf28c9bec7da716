import type { Deployment, Kind, Observation, Watched } from '../rollout/index.js'
import { nothingWatched, observe } from '../rollout/index.js'
import { done } from './failures.js'
import type { Answer, Cluster } from './ports.js'
import { listKind } from './resources.js'

/** Reads the Deployment with its ReplicaSets, pods and, if the role allows it, warnings. */
export async function look(cluster: Cluster, deployment: Deployment): Promise<Answer<Watched>> {
  const kinds: Kind[] = ['Deployment', 'ReplicaSet', 'Pod', 'Event']
  const lists = await Promise.all(kinds.map((kind) => listKind(cluster, kind, deployment)))
  let watched = nothingWatched(deployment.metadata.name)
  for (const [index, list] of lists.entries()) {
    const kind = kinds[index] as Kind
    if (!list.ok) {
      if (kind === 'Event' && list.failure.code === 'Forbidden') continue
      return list
    }
    watched = observe(watched, { type: 'listed', kind, items: list.value.items } as Observation, Date.now())
  }
  return done(watched)
}
