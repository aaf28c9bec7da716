import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployment, pod, replicaSet, terminated, waiting } from './objects.js'
import { playStory } from './cluster-story.js'

const crashed = (restartCount: number, exitCode = 3) => ({
  container: {
    restartCount,
    state: waiting('CrashLoopBackOff', 'back-off'),
    lastState: terminated(exitCode),
  },
})

test('judge() completes a rollout as kubectl rollout status does, only after the controller has observed it', () => {
  const { verdict } = playStory('complete', (story) => {
    story.upgrade()
    story.explain()
    story.set('v2', 2, { status: { replicas: 1 } })
    story.wait(0.2)
    story.pod('new-1', 'v2')
    story.controller({ replicas: 3, updatedReplicas: 1 })
    story.explain()
    story.wait(1)
    story.pod('new-1', 'v2', { ready: true })
    story.pod('old-1', 'v1', { deleted: true })
    story.controller({ replicas: 3, updatedReplicas: 2 })
    story.pod('new-2', 'v2', { ready: true })
    story.explain()
    story.gone('old-1', 'v1', { container: { state: terminated(0) } })
    story.pod('old-2', 'v1', { deleted: true })
    story.controller({ replicas: 2, updatedReplicas: 2, availableReplicas: 2 }, 'NewReplicaSetAvailable')
    story.explain()
  })
  assert.equal(verdict.type, 'complete')
})

test('judge() tolerates two crashes, and fails at the second back-off', () => {
  const { verdict } = playStory('crash-loop', (story) => {
    story.upgrade()
    story.set('v2', 2, { status: { replicas: 1 } })
    story.controller({ replicas: 3, updatedReplicas: 1 })
    story.pod('new-1', 'v2')
    story.pod('new-1', 'v2', { container: { state: terminated(3), restartCount: 0 } })
    story.pod('new-1', 'v2', { container: { restartCount: 1, lastState: terminated(3) } })
    story.pod('new-1', 'v2', crashed(1))
    story.explain()
    story.wait(10)
    story.pod('new-1', 'v2', {
      container: { restartCount: 2, state: { running: {} }, lastState: terminated(3) },
    })
    story.pod('new-1', 'v2', crashed(2))
  })
  assert.equal(verdict.type, 'failed')
  assert.deepEqual(verdict.type === 'failed' && verdict.trouble?.pod, {
    name: 'new-1',
    uid: 'new-1',
    container: 'web',
    restarted: true,
  })
})

test('judge() counts only restarts since the rollout began, and none of old pods', () => {
  const { verdict } = playStory('old-restarts', (story) => {
    story.pod('old-1', 'v1', crashed(7))
    story.upgrade()
    story.set('v2', 2, { status: { replicas: 1 } })
    story.controller({ replicas: 3, updatedReplicas: 1 })
    story.pod('old-1', 'v1', crashed(12))
  })
  assert.equal(verdict.type, 'waiting')
})

test('judge() waits for the progress deadline when an image cannot be pulled', () => {
  playStory('image', (story) => {
    story.upgrade()
    story.set('v2', 2, { status: { replicas: 1 } })
    story.controller({ replicas: 3, updatedReplicas: 1 })
    story.pod('new-1', 'v2', { container: { state: waiting('ErrImagePull', 'manifest unknown') } })
    story.warn('new-1', 'Failed', 'Failed to pull image "v2": manifest unknown')
    story.pod('new-1', 'v2', {
      container: { state: waiting('ImagePullBackOff', 'Back-off pulling image "v2"') },
    })
    story.explain()
    story.wait(60)
    story.controller({}, 'ProgressDeadlineExceeded')
  })
})

test('judge() with failFast fails at once for a problem that may resolve itself', () => {
  playStory('fail-fast', (story) => {
    story.upgrade({}, { failFast: true })
    story.set('v2', 2, { status: { replicas: 1 } })
    story.controller({ replicas: 3, updatedReplicas: 1 })
    story.pod('new-1', 'v2', { unschedulable: '0/3 nodes are available: 3 Insufficient cpu.' })
  })
})

test('judge() names a quota, found in the condition of the ReplicaSet or else in its event', () => {
  playStory('quota', (story) => {
    const refusal =
      'pods "web-v2-x" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=2, limited: pods=2'
    story.upgrade()
    story.set('v2', 2, { spec: { ...replicaSet('v2', 2).spec, replicas: 1 } })
    story.controller({ replicas: 2, updatedReplicas: 0 })
    story.warn('set-v2', 'FailedCreate', `Error creating: ${refusal}`)
    story.explain()
    story.set('v2', 2, {
      status: {
        replicas: 0,
        conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: refusal }],
      },
    })
    story.wait(60)
    story.controller({}, 'ProgressDeadlineExceeded')
  })
})

test('judge() names the probe that fails', () => {
  playStory('probe', (story) => {
    story.upgrade()
    story.set('v2', 2, { status: { replicas: 1 } })
    story.controller({ replicas: 3, updatedReplicas: 1 })
    story.pod('new-1', 'v2', { container: { state: { running: {} } } })
    story.wait(5)
    story.warn('new-1', 'Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 503')
    story.explain()
    story.wait(55)
    story.controller({}, 'ProgressDeadlineExceeded')
  })
})

test('judge() never fails a paused Deployment', () => {
  const { verdict } = playStory('paused', (story) => {
    story.upgrade({ spec: { paused: true } })
    story.set('v2', 2, { status: { replicas: 1 } })
    story.pod('new-1', 'v2', crashed(9))
    story.controller({ replicas: 3, updatedReplicas: 1 }, 'ProgressDeadlineExceeded')
    story.explain()
  })
  assert.equal(verdict.type, 'waiting')
})

test('judge() ignores the condition of the previous rollout until the progress deadline', () => {
  playStory('stale-deadline', (story) => {
    story.controller({}, 'ProgressDeadlineExceeded', 1)
    story.upgrade()
    story.set('v2', 2, { status: { replicas: 1 } })
    story.see('Deployment is observed, its condition stands', {
      type: 'changed',
      kind: 'Deployment',
      object: deployment('v2', 2, {
        status: {
          ...story.watched.deployment?.status,
          observedGeneration: 2,
          replicas: 3,
          updatedReplicas: 1,
        },
      }),
    })
    story.pod('new-1', 'v2')
    story.wait(59)
    story.wait(1)
  })
})

test('judge() fails when another client replaces the template or deletes the Deployment', () => {
  playStory('superseded', (story) => {
    story.upgrade()
    story.see('Deployment gets image v3 from another client', {
      type: 'changed',
      kind: 'Deployment',
      object: deployment('v3', 3, { status: {} }),
    })
  })
  playStory('deleted', (story) => {
    story.upgrade()
    story.see('Deployment is deleted', { type: 'deleted', kind: 'Deployment', object: deployment('v2', 2) })
  })
})

test('observe() removes a pod that is missing from a list', () => {
  const { watched } = playStory('list-again', (story) => {
    story.upgrade()
    story.set('v2', 2, { status: { replicas: 1 } })
    story.pod('new-1', 'v2')
    story.see('Pods are listed again', {
      type: 'listed',
      kind: 'Pod',
      items: [pod('new-1', 'v2', { ready: true }), pod('old-2', 'v1', { ready: true })],
    })
    story.see('ReplicaSets are listed again', {
      type: 'listed',
      kind: 'ReplicaSet',
      items: [replicaSet('v1', 1), replicaSet('v2', 2)],
    })
  })
  assert.ok(watched.pods['old-1']?.goneAt)
})
