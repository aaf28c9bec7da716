import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ManagedFields, Observation, Watched } from '../../../dist/kubernetes/rollout/index.js'
import {
  annotations,
  historyOf,
  imageOwner,
  nothingWatched,
  observe,
  ownWrites,
  sameTemplate,
  stableSet,
  undoPatch,
  undoTarget,
} from '../../../dist/kubernetes/rollout/index.js'
import { deployment, replicaSet, template } from './objects.js'

const watchedWith = (...sets: Parameters<typeof replicaSet>[]): Watched => watchedOf({}, sets)

const watchedOf = (notes: Record<string, string>, sets: Parameters<typeof replicaSet>[]): Watched => {
  const listed: Observation[] = [
    { type: 'listed', kind: 'Deployment', items: [deployment('v3', 4, { annotations: notes })] },
    { type: 'listed', kind: 'ReplicaSet', items: sets.map((set) => replicaSet(...set)) },
  ]
  return listed.reduce((watched, observation) => observe(watched, observation, 0), nothingWatched('web'))
}

test('undoPatch() restores the template without its hash, and its cause', () => {
  const live = deployment('v3', 4, { annotations: { [annotations.changeCause]: 'upgrade to v3', team: 'a' } })
  const [testing, template1, notes] = undoPatch(live, replicaSet('v1', 1, { cause: 'upgrade to v1' }))
  assert.deepEqual(testing, { op: 'test', path: '/metadata/generation', value: 4 })
  assert.deepEqual(template1, { op: 'replace', path: '/spec/template', value: template('v1') })
  assert.deepEqual(notes?.value, { team: 'a', [annotations.changeCause]: 'upgrade to v1' })
  const [, , without] = undoPatch(live, replicaSet('v1', 1))
  assert.deepEqual(without?.value, { team: 'a' })
})

test('undoTarget() returns the previous or requested revision, and lists all when that does not exist', () => {
  const watched = watchedWith(['v1', 1], ['v2', 2], ['v3', 3])
  const target = (toRevision: number | null) => {
    const found = undoTarget(watched, toRevision)
    return found.ok ? found.value.metadata.name : found.failure.message
  }
  assert.equal(target(null), 'web-v2')
  assert.equal(target(1), 'web-v1')
  assert.equal(target(3), '"web" already runs revision 3')
  assert.equal(target(9), '"web" has no revision 9, wanted one of 1, 2, 3')
  const alone = undoTarget(watchedWith(['v3', 1]), null)
  assert.match(alone.ok ? '' : alone.failure.message, /has no revision before the current one/)
})

test('undoTarget() skips a revision that failed and was undone, unless it is requested', () => {
  const notesOf = (before: Record<string, string>, failed: number) =>
    undoPatch(deployment('v2', 4, { annotations: before }), replicaSet('v3', 1), failed)[2]?.value
  assert.deepEqual(notesOf({}, 2), { [annotations.failedRevisions]: '2' })
  assert.deepEqual(notesOf({ [annotations.failedRevisions]: '2' }, 5), {
    [annotations.failedRevisions]: '2,5',
  })

  const after = watchedOf({ [annotations.failedRevisions]: '2' }, [
    ['v1', 1],
    ['v2', 2],
    ['v3', 3],
  ])
  const found = undoTarget(after, null)
  assert.equal(found.ok && found.value.metadata.name, 'web-v1')
  assert.ok(undoTarget(after, 2).ok)
  assert.deepEqual(
    historyOf(after).map(({ revision, failed }) => [revision, failed]),
    [
      [1, false],
      [2, true],
      [3, false],
    ],
  )
  const nowhere = undoTarget(
    watchedOf({ [annotations.failedRevisions]: '2' }, [
      ['v2', 2],
      ['v3', 3],
    ]),
    null,
  )
  assert.match(nowhere.ok ? '' : nowhere.failure.message, /except 2, which failed: use --to-revision/)
})

test('stableSet() skips the current revision when none of its pods is available', () => {
  const serving = { status: { availableReplicas: 2 } }
  assert.equal(stableSet(watchedWith(['v2', 2, serving], ['v3', 3, serving]))?.metadata.name, 'web-v3')
  assert.equal(stableSet(watchedWith(['v1', 1, serving], ['v2', 2], ['v3', 3]))?.metadata.name, 'web-v1')
  assert.equal(stableSet(watchedWith()), null)
})

test('sameTemplate() ignores the hash and the order of the fields', () => {
  const { spec, metadata } = template('v1')
  assert.ok(
    sameTemplate(
      { spec, metadata: { labels: { 'pod-template-hash': 'x', app: 'web' } } },
      { metadata, spec },
    ),
  )
  assert.ok(!sameTemplate(template('v1'), template('v2')))
})

const image = {
  'f:spec': { 'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"web"}': { 'f:image': {} } } } } },
}
const entry = (
  manager: string,
  operation: string,
  fieldsV1: ManagedFields['fieldsV1'] = image,
): ManagedFields => ({
  manager,
  operation,
  fieldsV1,
})
const meta = (...managedFields: ManagedFields[]) => ({ name: 'web', uid: 'u', managedFields })

test('imageOwner() is the manager that applies the image, not one that patched it, and not handover', () => {
  assert.equal(imageOwner(meta(entry('argocd', 'Apply')), 'web'), 'argocd')
  assert.equal(imageOwner(meta(entry('argocd', 'Apply')), 'sidecar'), null)
  assert.equal(imageOwner(meta(entry('kubectl-set', 'Update'), entry('handover', 'Apply')), 'web'), null)
})

test('ownWrites() moves patched fields to the applied ones, and releases replicas that the manifest does not set', () => {
  const restarted = { 'f:annotations': { 'f:kubectl.kubernetes.io/restartedAt': {} } }
  const written = {
    'f:spec': {
      'f:replicas': {},
      'f:template': { 'f:metadata': restarted, 'f:spec': { 'f:nodeName': {} } },
    },
  }
  const applied = { 'f:spec': { 'f:replicas': {}, 'f:paused': {} } }
  const before = meta(
    entry('other', 'Update'),
    entry('handover', 'Apply', applied),
    entry('handover', 'Update', written),
  )
  assert.deepEqual(ownWrites(before, true), [
    entry('other', 'Update'),
    entry('handover', 'Apply', {
      'f:spec': { 'f:replicas': {}, 'f:paused': {}, 'f:template': { 'f:spec': { 'f:nodeName': {} } } },
    }),
    entry('handover', 'Update', {
      'f:spec': { 'f:replicas': {}, 'f:template': { 'f:metadata': restarted } },
    }),
  ])
  const [, mine] = ownWrites(before, false) ?? []
  assert.equal(mine?.fieldsV1?.['f:spec']?.['f:replicas'], undefined)
  assert.equal(ownWrites(meta(entry('handover', 'Apply')), true), null)
  assert.equal(ownWrites(meta(entry('handover', 'Update')), false), null)
})
