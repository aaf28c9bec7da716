import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Observation, ReceiptHead, Watched } from '../../../dist/kubernetes/rollout/index.js'
import {
  deploymentReceipt,
  deploymentStatus,
  historyOf,
  nothingWatched,
  numbered,
  numbersOf,
  observe,
} from '../../../dist/kubernetes/rollout/index.js'
import type { PodStatus } from './objects.js'
import { deployment, pod, replicaSet, terminated, waiting } from './objects.js'

type Step = [ms: number, observation: Observation]

const play = (steps: Step[]): Watched =>
  steps.reduce((watched, [ms, observation]) => observe(watched, observation, ms), nothingWatched('web'))

const begin: Step[] = [
  [0, { type: 'listed', kind: 'Deployment', items: [deployment('v2', 2)] }],
  [0, { type: 'listed', kind: 'ReplicaSet', items: [replicaSet('v1', 1), replicaSet('v2', 2)] }],
  [0, { type: 'listed', kind: 'Pod', items: [pod('old-1', 'v1', { ready: true })] }],
]
const podAt = (ms: number, name: string, image: string, status: PodStatus = {}): Step => [
  ms,
  { type: 'changed', kind: 'Pod', object: pod(name, image, status) },
]
const goneAt = (ms: number, name: string, image: string, status: PodStatus = {}): Step => [
  ms,
  { type: 'deleted', kind: 'Pod', object: pod(name, image, { ...status, deleted: true }) },
]

const head: ReceiptHead = {
  service: 'web',
  namespace: 'default',
  cause: 'upgrade',
  outcome: 'complete',
  fromRevision: 1,
  toRevision: 2,
  startedAt: 0,
  endedAt: 5000,
  failure: null,
}

test('deploymentReceipt() has the time to ready, the drain time and the exit of each pod', () => {
  const watched = play([
    ...begin,
    podAt(100, 'new-1', 'v2'),
    podAt(1100, 'new-1', 'v2', { ready: true }),
    podAt(1200, 'old-1', 'v1', { ready: true, deleted: true }),
    goneAt(1500, 'old-1', 'v1', { container: { state: terminated(0) } }),
  ])
  const { pods, phases, draining, wallMs } = deploymentReceipt(head, watched)
  assert.deepEqual(pods, [
    { id: 'new-1', revision: 2, side: 'new', node: 'node-1', readyMs: 1000, restarts: 0, killed: false },
    {
      id: 'old-1',
      revision: 1,
      side: 'old',
      node: 'node-1',
      drainMs: 300,
      restarts: 0,
      exit: { code: 0, signal: null },
      killed: false,
    },
  ])
  assert.deepEqual(phases, { ready: 1100, stoppedAccepting: 1200, drained: 1500 })
  assert.deepEqual([draining, wallMs], [0, 5000])
})

test('deploymentReceipt() marks a pod as killed after its grace period, but not after an OOM kill', () => {
  const end = (reason: string) =>
    deploymentReceipt(
      head,
      play([
        ...begin,
        podAt(100, 'old-1', 'v1', { deleted: true }),
        goneAt(30_100, 'old-1', 'v1', { container: { state: terminated(137, reason) } }),
      ]),
    ).pods[0]
  assert.deepEqual([end('Error')?.killed, end('Error')?.exit?.signal], [true, 'SIGKILL'])
  assert.equal(end('OOMKilled')?.killed, false)
})

test('deploymentReceipt() has exit null when the exit was not observed, and the last exit in back-off', () => {
  const back = {
    container: { state: waiting('CrashLoopBackOff'), lastState: terminated(3), restartCount: 2 },
  }
  const { pods } = deploymentReceipt(
    head,
    play([
      ...begin,
      podAt(100, 'new-1', 'v2', back),
      goneAt(200, 'new-1', 'v2', back),
      goneAt(300, 'old-1', 'v1'),
    ]),
  )
  assert.deepEqual(
    pods.map(({ id, exit }) => [id, exit]),
    [
      ['new-1', { code: 3, signal: null }],
      ['old-1', null],
    ],
  )
})

test('numbered() restores the revision number that an undo has changed', () => {
  const before = play(begin)
  const after = play([...begin, [10, { type: 'changed', kind: 'ReplicaSet', object: replicaSet('v1', 3) }]])
  const numbers = numbersOf(before)
  const revisions = (watched: Watched) =>
    deploymentReceipt(head, watched).pods.map(({ revision }) => revision)
  assert.deepEqual(revisions(after), [3])
  assert.deepEqual(revisions(numbered(after, numbers)), [1])
})

test('deploymentStatus() returns a Deployment as the status of a service', () => {
  const watched = play([
    ...begin,
    podAt(100, 'new-1', 'v2', { container: { state: waiting('CrashLoopBackOff'), restartCount: 1 } }),
    podAt(100, 'new-2', 'v2', { ready: true }),
    podAt(200, 'new-2', 'v2'),
    podAt(300, 'old-1', 'v1', { deleted: true }),
    podAt(400, 'new-3', 'v2'),
  ])
  const { instances, revision } = deploymentStatus(watched, null, 500)
  assert.equal(revision, 2)
  assert.deepEqual(
    instances.map(({ id, state }) => `${id} ${state}`),
    ['new-1 crashed', 'new-2 unready', 'new-3 starting', 'old-1 draining'],
  )
})

test('historyOf() lists revisions by number, with image and cause', () => {
  const watched = play([
    ...begin,
    [
      0,
      {
        type: 'listed',
        kind: 'ReplicaSet',
        items: [replicaSet('v2', 10, { cause: 'upgrade to v2' }), replicaSet('v1', 9)],
      },
    ],
  ])
  assert.deepEqual(
    historyOf(watched).map(({ revision, images, cause, current }) => [revision, images, cause, current]),
    [
      [9, ['v1'], null, false],
      [10, ['v2'], 'upgrade to v2', true],
    ],
  )
})
