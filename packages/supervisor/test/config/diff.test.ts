import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diffServices } from '../../dist/config/diff.js'
import { describePath } from '../../dist/config/show.js'
import { validateConfig } from '../../dist/config/validate.js'
import { fixtures, valueOf } from './support.js'

const servicesOf = (services: object) =>
  valueOf(validateConfig({ services }, { file: null, folder: fixtures, locate: describePath })).services

test('diffServices() finds nothing when the configuration is the same', () => {
  const services = { web: { script: 'a.js', listen: { http: 3000 }, env: { A: '1', B: '2' } } }
  const reordered = { web: { env: { B: '2', A: '1' }, listen: { http: '3000' }, script: 'a.js' } }
  assert.deepEqual(diffServices(servicesOf(services), servicesOf(reordered)), {
    added: [],
    removed: [],
    changed: [],
    changes: {},
    lines: [],
  })
})

test('diffServices() lists new, removed and changed services, with the changed fields', () => {
  const before = servicesOf({
    gone: { script: 'a.js' },
    same: { script: 'a.js' },
    web: { script: 'a.js', listen: { http: 3000 }, env: { KEY: 'secret', OLD: 'secret' }, user: 'ann' },
  })
  const after = servicesOf({
    same: { script: 'a.js' },
    web: {
      script: 'a.js -v',
      listen: { http: 4000 },
      env: { KEY: 'secret2', NEW: 'secret' },
      replicas: 3,
      lifecycle: { stopSignal: 'SIGQUIT' },
    },
    fresh: { script: 'a.js' },
  })
  const difference = diffServices(before, after)
  assert.deepEqual(difference.added, ['fresh'])
  assert.deepEqual(difference.removed, ['gone'])
  assert.deepEqual(difference.changed, ['web'])
  assert.deepEqual(difference.changes['web']?.[0], {
    field: 'command',
    from: ['node', 'a.js'],
    to: ['node', 'a.js', '-v'],
  })
  assert.deepEqual(difference.lines, [
    'fresh: added',
    'gone: removed',
    'web: command was ["node","a.js"], is ["node","a.js","-v"]',
    'web: env.KEY was changed',
    'web: env.OLD was removed',
    'web: env.NEW was added',
    'web: user was "ann", is not set',
    'web: replicas was 1, is 3',
    'web: listen.http.port was 3000, is 4000',
    'web: lifecycle was not set, is {"stopSignal":"SIGQUIT"}',
  ])
})
