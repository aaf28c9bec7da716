import assert from 'node:assert/strict'
import test from 'node:test'
import { specOf } from '@handover/testkit'
import { serviceStatus } from '../../dist/daemon/status.js'
import type { Instance, Revision } from '../../dist/model/index.js'
import { initialState } from '../../dist/rollout/index.js'

const revision = (number: number, minReadySeconds: number): Revision => ({
  number,
  spec: specOf({ minReadySeconds }),
  release: '/srv',
  createdAt: 0,
  cause: 'start',
})

const readySince = (id: string, revision: number, since: number): Instance => ({
  id,
  revision,
  createdAt: 0,
  startedAt: 0,
  pid: 1,
  startTime: '1',
  restarts: 0,
  crashes: 0,
  failure: null,
  account: null,
  state: 'ready',
  since,
})

test('serviceStatus() counts an instance as available by the minReadySeconds of its own revision', () => {
  const state = {
    ...initialState('web'),
    revisions: [revision(1, 5), revision(2, 60)],
    target: 2,
    instances: [readySince('web-1', 1, 0), readySince('web-2', 2, 0), readySince('web-3', 1, 8_000)],
  }
  const view = { state, waiting: [], listeners: [], texts: new Map<string, string>(), receipt: null }
  const { ready, available } = serviceStatus(view, 10_000)
  assert.deepEqual({ ready, available }, { ready: 3, available: 1 })
})
