import assert from 'node:assert/strict'
import { test } from 'node:test'
import { validateConfig } from '../../../dist/config/validate.js'
import { problemsOf, valueOf } from '../../config/support.js'
import { everything, webOf } from './configs.js'

const folder = process.cwd()
const read = (web: object) =>
  validateConfig({ services: { web } }, { file: null, folder, locate: (path) => path.map(String).join('.') })

test('a section kubernetes changes nothing on one machine', () => {
  const { kubernetes: _, ...service } = everything['web'] ?? webOf()
  const { services } = valueOf(read({ ...everything['web'] }))
  assert.deepEqual(services, valueOf(read(service)).services)
})

test('a section kubernetes has its own defaults for what the service does not set', () => {
  const sectionOf = (web: object) => {
    const section = valueOf(read(web)).kubernetes['web']
    assert.ok(section)
    return section
  }
  const silent = sectionOf({ command: './web' })
  assert.deepEqual(silent.strategy.type === 'RollingUpdate' && silent.strategy.rollingUpdate, {
    maxSurge: 1,
    maxUnavailable: 0,
  })
  assert.equal(silent.progressDeadlineSeconds, 600)
  assert.equal(silent.drain.delayBy, 'preStop')
  assert.equal(sectionOf({ command: './web', progressDeadlineSeconds: 60 }).progressDeadlineSeconds, 60)
  const own = sectionOf({
    command: './web',
    replicas: 2,
    progressDeadlineSeconds: 60,
    kubernetes: { replicas: 6, progressDeadlineSeconds: 300, register: '/opt/register.js' },
  })
  assert.deepEqual([own.replicas, own.progressDeadlineSeconds, own.drain.delayBy], [6, 300, 'library'])
})

test('a section kubernetes is refused with one sentence for each mistake', () => {
  const problems = (kubernetes: object) => problemsOf(read({ command: './web', kubernetes }))
  assert.deepEqual(problems({ imge: 'web:1' }), [
    'services.web.kubernetes has no field "imge", did you mean "image"?',
  ])
  assert.deepEqual(problems({ drain: { delayBy: 'nobody' } }), [
    `services.web.kubernetes.drain.delayBy is "nobody", wanted 'preStop' or 'library'`,
  ])
  assert.deepEqual(problems({ env: { A: ['x'] }, probesPort: 0, labels: { a: 1 } }), [
    'services.web.kubernetes.labels.a is 1, wanted a string',
    'services.web.kubernetes.probesPort is 0, wanted a port number from 1 to 65535',
    'services.web.kubernetes.env.A is ["x"], wanted a string, a number, a boolean, { value } or { valueFrom }',
  ])
  assert.deepEqual(problems({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }), [
    'services.web.kubernetes.strategy.rollingUpdate has maxSurge 0 and maxUnavailable 0, wanted at least one of them above 0: otherwise no instance can be replaced',
  ])
  assert.deepEqual(problems({ resources: 'much' }), [
    `services.web.kubernetes.resources is "much", wanted an object with Kubernetes' fields`,
  ])
})
