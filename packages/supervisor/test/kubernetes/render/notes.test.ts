import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceConfig } from '../../../dist/config/index.js'
import type { ServiceSpec } from '../../../dist/model/index.js'
import { kubernetesObjects } from '../../../dist/kubernetes/render/index.js'
import { orderOf, render, webOf } from './configs.js'

const image = 'registry.example/web:1.2.3'
const quiet = { image, args: ['server.js'], resources: { requests: { cpu: 1 } } }
const healthy = { httpGet: { port: 'http' } }

const notes = (change: Partial<ServiceConfig>, version = '1.30') =>
  render({ web: webOf({ readinessProbe: healthy, kubernetes: quiet, ...change }) }, { version }).notes.join(
    '\n',
  )

test('kubernetesObjects() has nothing to say where all of it can be had', () => {
  assert.equal(notes({}), '')
})

test('kubernetesObjects() names what a cluster cannot do', () => {
  assert.match(
    notes({ kubernetes: { image, resources: {} } }),
    /command is "node server.js": a pod runs what the image says/,
  )
  assert.match(
    notes({ listen: { http: 80, admin: 'unix:/run/a.sock' } }),
    /listen.admin is "unix:\/run\/a.sock": a unix socket has no port/,
  )
  assert.match(notes({ listen: { http: 80, admin: '[::1]:81' } }), /listen.admin is on a loopback address/)
  assert.match(notes({ cwd: 'packages' }), /cwd is ".*\/packages", a folder of one machine/)
  assert.match(notes({ envFile: 'package.json' }), /envFiles are files of one machine/)
  assert.match(
    notes({ user: 'www-data', group: 'www' }),
    /user is "www-data", a name .*\n.*group is "www", a name/,
  )
  assert.equal(notes({ user: '1000', group: '1000' }), '')
  assert.match(
    notes({ readinessProbe: { notify: {} } }),
    /readinessProbe waits for READY=1, which nobody hears in a pod: it is left out/,
  )
  assert.match(
    notes({ listen: { http: 80, admin: 'unix:/a' }, readinessProbe: { tcpSocket: { port: 'admin' } } }),
    /readinessProbe asks on "admin", a unix socket, which kubelet cannot: it is left out/,
  )
  assert.match(
    notes({ maxMemory: '300Mi' }),
    /maxMemory is 300 MiB: no pod is replaced gracefully for its memory; kubernetes.resources.limits.memory would/,
  )
  assert.match(
    notes({ maxMemory: '300Mi', kubernetes: { ...quiet, resources: { limits: { memory: '512Mi' } } } }),
    /kubernetes.resources.limits.memory, "512Mi", has its container killed/,
  )
  assert.match(notes({ listen: {}, readinessProbe: undefined }), /there is none[^]*readinessProbe is missing/)
})

test('kubernetesObjects() names ways of a rollout that are ours alone', () => {
  const order = orderOf({ web: webOf({ readinessProbe: healthy, kubernetes: quiet }) })
  const services = order.services.map(({ spec, kubernetes }) => ({
    spec: { ...spec, strategy: { type: 'InPlace' }, standbySeconds: 60 } as unknown as ServiceSpec,
    kubernetes,
  }))
  const rendered = kubernetesObjects({ ...order, services })
  assert.deepEqual(rendered.ok && rendered.value.notes, [
    'services.web.strategy.type is "InPlace": a pod cannot go on as another one, it is replaced (RollingUpdate)',
    'services.web.standbySeconds is given: no old pod stands by: an undo starts new ones',
  ])
})

test('kubernetesObjects() says what may surprise', () => {
  const imageNote = (name: string) => notes({ kubernetes: { ...quiet, image: name } })
  assert.match(imageNote('registry:5000/web'), /without a tag/)
  assert.match(imageNote('web:latest'), /cannot tell one "latest" from another/)
  assert.equal(imageNote(`web@sha256:${'0'.repeat(64)}`), '')
  assert.match(notes({}, '1.29'), /Kubernetes 1.29 has no sleep action on by default: an image without it/)
  assert.equal(notes({ kubernetes: { ...quiet, drain: { delayBy: 'library' } } }, '1.29'), '')
  assert.equal(notes({ kubernetes: { ...quiet, drain: { delaySeconds: 0 } } }, '1.29'), '')
  assert.match(notes({ kubernetes: { image, args: [] } }), /resources is missing/)
  assert.match(
    notes({ kubernetes: { image, args: [], resources: {}, autoscaling: { maxReplicas: 3 } } }),
    /no requests.cpu: the autoscaler has nothing to measure against/,
  )
  assert.match(notes({ listen: { http: 80 } }, '1.21'), /port below 1024/)
  assert.doesNotMatch(notes({ listen: { http: 80 } }, '1.22'), /below 1024/)
  assert.match(
    notes({ readinessProbe: { ...healthy, periodSeconds: 0.5 } }),
    /periodSeconds is 0.5: Kubernetes counts whole seconds, 1/,
  )
})
