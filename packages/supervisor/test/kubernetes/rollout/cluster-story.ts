import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import type {
  Aim,
  Deployment,
  Observation,
  Verdict,
  Watched,
} from '../../../dist/kubernetes/rollout/index.js'
import {
  changes,
  conditionOf,
  explainDeployment,
  judge,
  nothingWatched,
  observe,
} from '../../../dist/kubernetes/rollout/index.js'
import type { PodStatus } from './objects.js'
import { deployment, pod, replicaSet, warning } from './objects.js'

/** A fake cluster that is driven by a story. At its start, two pods of v1 serve. */
export interface ClusterStory {
  watched: Watched
  verdict: Verdict
  /** Lets so many seconds pass. */
  wait(seconds: number): void
  /** The server's answer to the change that begins the rollout. */
  upgrade(change?: Parameters<typeof deployment>[2], options?: { failFast?: boolean; image?: string }): void
  /** The deployment controller writes these fields of the status, and the reason of the condition Progressing. */
  controller(status: object, progressing?: string, generation?: number): void
  set(image: string, revision: number, more?: Parameters<typeof replicaSet>[2]): void
  pod(name: string, image: string, status?: PodStatus): void
  gone(name: string, image: string, status?: PodStatus): void
  warn(uid: string, reason: string, message: string): void
  /** Any other observation. */
  see(text: string, observation: Observation): void
  explain(): void
}

const t0 = Date.parse('2026-01-01T00:00:00Z')
const serving = {
  replicas: 2,
  updatedReplicas: 2,
  readyReplicas: 2,
  availableReplicas: 2,
  observedGeneration: 1,
}

/**
 * Plays a story and compares the result with `test/kubernetes/rollout/traces/NAME.txt`. `UPDATE_TRACES=1` rewrites the
 * file.
 *
 *     0.0    what the API server reports
 *          + the line in the log
 *          ! the verdict, when it changed
 *          ? the answer of `explain`
 */
export function playStory(name: string, tell: (story: ClusterStory) => void): ClusterStory {
  const lines: string[] = []
  let now = t0
  let stamp = ''
  let aim: Aim | null = null
  let image = 'v2'
  let last: Deployment = deployment('v1', 1, { status: serving })
  const write = (mark: string, text: string) => {
    const time = ((now - t0) / 1000).toFixed(1)
    lines.push(`${(time === stamp ? '' : time).padStart(8)}  ${mark} ${text}`)
    stamp = time
  }
  const see = (text: string, observation: Observation) => {
    write(' ', text)
    const before = story.watched
    story.watched = observe(before, observation, now)
    for (const line of changes(before, story.watched, now)) write('+', line)
    look()
  }
  const look = () => {
    if (!aim) return
    const verdict = judge(story.watched, aim, now)
    if (verdictText(verdict) !== verdictText(story.verdict)) write('!', verdictText(verdict))
    story.verdict = verdict
  }
  const changed = (text: string, object: Deployment) => {
    last = object
    see(text, { type: 'changed', kind: 'Deployment', object })
  }
  const story: ClusterStory = {
    watched: begin(last, now),
    verdict: { type: 'waiting' },
    wait(seconds) {
      now += seconds * 1000
      look()
    },
    upgrade(change = {}, { failFast = false, image: wanted = 'v2' } = {}) {
      image = wanted
      const before = conditionOf(last.status?.conditions, 'Progressing')
      const next = deployment(image, 2, { ...change, status: last.status ?? {} })
      aim = { deployment: next, startedAt: now, failFast, before }
      changed(`Deployment is given image ${image}`, next)
    },
    controller(status, reason = 'ReplicaSetUpdated', generation = 2) {
      const conditions = [
        { type: 'Progressing', status: 'True', reason, lastUpdateTime: new Date(now).toISOString() },
      ]
      const figures = Object.entries(status).map(([key, value]) => `${key} ${value}`)
      changed(`Deployment: ${[...figures, reason].join(', ')}`, {
        ...last,
        metadata: { ...last.metadata, generation: Math.max(generation, last.metadata.generation ?? 0) },
        status: { ...last.status, observedGeneration: generation, conditions, ...status },
      })
    },
    set: (version, revision, more = {}) =>
      see(`ReplicaSet web-${version} is revision ${revision}`, {
        type: 'changed',
        kind: 'ReplicaSet',
        object: replicaSet(version, revision, more),
      }),
    pod: (id, version, status = {}) =>
      see(`Pod ${id} of ${version}: ${JSON.stringify(status)}`, {
        type: 'changed',
        kind: 'Pod',
        object: pod(id, version, status),
      }),
    gone: (id, version, status = {}) =>
      see(`Pod ${id} is gone`, {
        type: 'deleted',
        kind: 'Pod',
        object: pod(id, version, { ...status, deleted: true }),
      }),
    warn: (uid, reason, message) =>
      see(`Event ${reason} of ${uid}: ${message}`, {
        type: 'changed',
        kind: 'Event',
        object: warning(uid, reason, message, now / 1000),
      }),
    see,
    explain() {
      for (const line of explainDeployment(story.watched, now)) write('?', line)
    },
  }
  tell(story)
  compare(name, `${lines.join('\n')}\n`)
  return story
}

function begin(object: Deployment, now: number): Watched {
  const listed: Observation[] = [
    { type: 'listed', kind: 'Deployment', items: [object] },
    {
      type: 'listed',
      kind: 'ReplicaSet',
      items: [replicaSet('v1', 1, { status: { replicas: 2, availableReplicas: 2 } })],
    },
    {
      type: 'listed',
      kind: 'Pod',
      items: ['old-1', 'old-2'].map((name) => pod(name, 'v1', { ready: true })),
    },
    { type: 'listed', kind: 'Event', items: [] },
  ]
  return listed.reduce((watched, observation) => observe(watched, observation, now), nothingWatched('web'))
}

const verdictText = (verdict: Verdict): string =>
  verdict.type === 'failed' ? `failed, ${verdict.failure.code}: ${verdict.failure.message}` : verdict.type

function compare(name: string, trace: string): void {
  const file = new URL(`../../../test/kubernetes/rollout/traces/${name}.txt`, import.meta.url)
  if (process.env.UPDATE_TRACES) writeFileSync(file, trace)
  assert.equal(trace, readFileSync(file, 'utf8'), `${name}.txt; UPDATE_TRACES=1 writes it again`)
}
