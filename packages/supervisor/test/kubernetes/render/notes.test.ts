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

test('kubernetesObjects() has no notes when every setting has an effect in a cluster', () => {
  assert.equal(notes({}), '')
})

test('kubernetesObjects() notes settings that have no effect in a cluster', () => {
  assert.match(
    notes({ kubernetes: { image, resources: {} } }),
    /command is "node server.js": a pod runs the image's own command/,
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
    /readinessProbe waits for READY=1, which no process receives in a pod: it is left out/,
  )
  assert.match(
    notes({ listen: {}, readinessProbe: { httpGet: {} } }),
    /readinessProbe has no port, and no listener is configured: it is left out/,
  )
  assert.match(
    notes({ listen: { web: 80 }, readinessProbe: { httpGet: { port: 'tcp-9090' } } }),
    /readinessProbe uses "tcp-9090", which is not one of the configured listeners: it is left out/,
  )
  assert.doesNotMatch(notes({ readinessProbe: { httpGet: {} } }), /readinessProbe/)
  assert.match(
    notes({ listen: { http: 80, admin: 'unix:/a' }, readinessProbe: { tcpSocket: { port: 'admin' } } }),
    /readinessProbe uses "admin", a unix socket, which kubelet cannot reach: it is left out/,
  )
  assert.match(
    notes({ maxMemory: '300Mi' }),
    /maxMemory is 300 MiB: in a cluster no pod is drained for its memory; kubernetes.resources.limits.memory, which kills/,
  )
  assert.match(
    notes({ maxMemory: '300Mi', kubernetes: { ...quiet, resources: { limits: { memory: '512Mi' } } } }),
    /kubernetes.resources.limits.memory, "512Mi", kills the container/,
  )
  assert.match(
    notes({ listen: {}, readinessProbe: undefined }),
    /there is no Service[^]*readinessProbe is missing/,
  )
})

test('kubernetesObjects() notes a stop signal that the version does not know', () => {
  const lifecycle = { stopSignal: 'SIGQUIT' } as const
  assert.equal(notes({ lifecycle }, '1.33'), '')
  const note =
    'services.web.lifecycle.stopSignal is "SIGQUIT", which Kubernetes 1.32 does not know: it is left out, wanted "STOPSIGNAL SIGQUIT" in the image, or version 1.33'
  assert.equal(notes({ lifecycle }, '1.32'), note)
  assert.equal(notes({ kubernetes: { ...quiet, lifecycle } }, '1.32'), note)
})

test('kubernetesObjects() renders a stop signal, and tells the library', () => {
  const pod = (change: Partial<ServiceConfig>, version: string) => {
    const { objects } = render({ web: webOf(change) }, { version })
    const deployment = objects.find(({ kind }) => kind === 'Deployment') as unknown as Deployment
    const { os, containers } = deployment.spec.template.spec
    const told = containers[0]?.env.find(({ name }) => name === 'HANDOVER_STOP_SIGNAL')?.value
    return { os, lifecycle: containers[0]?.lifecycle, told }
  }
  const lifecycle = { stopSignal: 'SIGQUIT' } as const
  const preStop = { sleep: { seconds: 5 } }
  assert.deepEqual(pod({ lifecycle }, '1.33'), {
    os: { name: 'linux' },
    lifecycle: { preStop, stopSignal: 'SIGQUIT' },
    told: 'SIGQUIT',
  })
  assert.deepEqual(pod({ lifecycle }, '1.32'), { os: undefined, lifecycle: { preStop }, told: 'SIGQUIT' })
  const own = { image, lifecycle: { stopSignal: 'SIGUSR1' } }
  assert.equal(pod({ lifecycle, kubernetes: own }, '1.36').told, 'SIGUSR1')
  assert.deepEqual(pod({}, '1.36'), { os: undefined, lifecycle: { preStop }, told: undefined })
})

interface Deployment {
  spec: {
    template: {
      spec: { os?: object; containers: { lifecycle?: object; env: { name: string; value: string }[] }[] }
    }
  }
}

test('kubernetesObjects() notes a strategy that Kubernetes does not have', () => {
  const order = orderOf({ web: webOf({ readinessProbe: healthy, kubernetes: quiet }) })
  const services = order.services.map(({ spec, kubernetes }) => ({
    spec: { ...spec, strategy: { type: 'InPlace' } } as unknown as ServiceSpec,
    kubernetes,
  }))
  const rendered = kubernetesObjects({ ...order, services })
  assert.deepEqual(rendered.ok && rendered.value.notes, [
    'services.web.strategy.type is "InPlace": a pod cannot change its program, it is replaced (RollingUpdate)',
  ])
})

test('kubernetesObjects() notes settings with a surprising effect', () => {
  const imageNote = (name: string) => notes({ kubernetes: { ...quiet, image: name } })
  assert.match(imageNote('registry:5000/web'), /without a tag/)
  assert.match(imageNote('web:latest'), /cannot restore an earlier "latest"/)
  assert.equal(imageNote(`web@sha256:${'0'.repeat(64)}`), '')
  assert.match(
    notes({}, '1.29'),
    /Kubernetes 1.29 has no sleep action by default: a container without that program/,
  )
  assert.equal(notes({ kubernetes: { ...quiet, drain: { delayBy: 'library' } } }, '1.29'), '')
  assert.equal(notes({ kubernetes: { ...quiet, drain: { delaySeconds: 0 } } }, '1.29'), '')
  assert.match(notes({ kubernetes: { image, args: [] } }), /resources is missing/)
  assert.match(
    notes({ kubernetes: { image, args: [], resources: {}, autoscaling: { maxReplicas: 3 } } }),
    /no requests.cpu, which the autoscaler needs/,
  )
  assert.match(notes({ listen: { http: 80 } }, '1.21'), /port below 1024/)
  assert.doesNotMatch(notes({ listen: { http: 80 } }, '1.22'), /below 1024/)
  assert.match(
    notes({ readinessProbe: { ...healthy, periodSeconds: 0.5 } }),
    /periodSeconds is 0.5: Kubernetes counts whole seconds, 1/,
  )
})
