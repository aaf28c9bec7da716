import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceConfig } from '../../../dist/config/index.js'
import { orderOf, tryRender, webOf } from './configs.js'
import { kubernetesObjects, parseVersion } from '../../../dist/kubernetes/render/index.js'

const image = 'registry.example/web:1.2.3'
type Section = NonNullable<ServiceConfig['kubernetes']>

/** The problems of one service, one sentence for each. */
function refusal(change: Partial<ServiceConfig>, version = '1.30', name = 'web'): string {
  const rendered = tryRender({ [name]: webOf(change) }, { version })
  if (rendered.ok) return ''
  assert.equal(rendered.failure.code, 'Usage')
  return rendered.failure.message
}

const ofSection = (section: Section, version?: string) =>
  refusal({ kubernetes: { image, ...section } }, version)

test('kubernetesObjects() refuses a service without an image', () => {
  assert.equal(
    refusal({ kubernetes: {} }),
    'services.web.kubernetes has no image, wanted "image", or --set image=…',
  )
  assert.equal(
    refusal({ kubernetes: { image: 'two words' } }),
    'services.web.kubernetes.image is "two words", wanted an image, such as registry.example/web:1.2.3',
  )
})

test('kubernetesObjects() refuses names that the API server would refuse', () => {
  assert.match(refusal({}, '1.30', '3web'), /^services\.3web is named "3web", wanted an RFC 1035 label/)
  assert.match(refusal({}, '1.30', 'web.v2'), /is named "web.v2", wanted an RFC 1035 label/)
  assert.match(ofSection({ namespace: 'My_Shop' }), /namespace is "My_Shop", wanted an RFC 1123 label/)
  assert.match(
    refusal({ listen: { 'a-name-of-sixteen': 80 } }),
    /listen has "a-name-of-sixteen", wanted the name of a port/,
  )
  assert.match(refusal({ listen: { 'a--b': 80 } }), /wanted the name of a port \(RFC 6335\)/)
  assert.match(refusal({ listen: { '80': 80 } }), /listen has "80", wanted the name of a port/)
  assert.match(ofSection({ labels: { 'app.kubernetes.io/name': 'x' } }), /which handover sets itself/)
  assert.match(ofSection({ labels: { team: 'a b' } }), /labels\["team"\] is "a b", wanted at most 63/)
  assert.match(ofSection({ labels: { 'a b': '' } }), /labels has "a b", wanted a name/)
  assert.match(ofSection({ env: { '1st': 'x' } }), /env has "1st", wanted a name/)
  assert.match(
    ofSection({ configMap: { data: { '1.txt': '' } } }),
    /data has "1.txt", wanted a name .* the first no digit/,
  )
  assert.equal(ofSection({ configMap: { data: { '1.txt': '' }, mountPath: '/etc/web' } }), '')
  const order = { ...orderOf({ web: webOf() }), namespace: 'UP' }
  const rendered = kubernetesObjects(order)
  assert.match(rendered.ok ? '' : rendered.failure.message, /^--namespace is "UP", wanted an RFC 1123 label/)
})

test('kubernetesObjects() refuses equal ports, because all listeners of a pod have one address', () => {
  assert.equal(
    refusal({ listen: { http: '127.0.0.1:3000', other: '127.0.0.2:3000' } }),
    'services.web.listen.other is 3000/TCP, which listener "http" already uses',
  )
  assert.equal(refusal({ listen: { http: 3000, udp: 'udp:3000' } }), '')
  assert.match(
    ofSection({ probesPort: 3000 }),
    /kubernetes.probesPort is 3000\/TCP, which listener "http" already uses/,
  )
  assert.match(
    refusal({ listen: { probes: 3000 }, kubernetes: { image, probesPort: 9090 } }),
    /listen has "probes", which is the name of kubernetes.probesPort/,
  )
  assert.match(refusal({ listen: { http: 0 } }), /listen.http is on port 0, any free port/)
  assert.match(
    ofSection({ service: { ports: [{ port: 80, targetPort: 'htp' }] } }),
    /service.ports\[0\].targetPort is "htp", wanted a number or a listener \(there is http\)/,
  )
  assert.match(refusal({ listen: {}, kubernetes: { image, ingress: {} } }), /ingress leads to no port/)
})

test('kubernetesObjects() refuses the number of processors, and numbers of pods that contradict each other', () => {
  assert.match(refusal({ replicas: 'max' }), /replicas is "max", the processors of one machine/)
  assert.equal(refusal({ replicas: 'max', kubernetes: { image, replicas: 3 } }), '')
  assert.equal(refusal({ replicas: 'max', kubernetes: { image, autoscaling: { maxReplicas: 3 } } }), '')
  assert.match(
    ofSection({ autoscaling: {} }),
    /autoscaling.maxReplicas is missing, wanted the largest number of pods/,
  )
  assert.match(
    ofSection({ replicas: 4, autoscaling: { maxReplicas: 3 } }),
    /maxReplicas is 3, wanted at least 4/,
  )
})

test('kubernetesObjects() refuses times that cannot be kept', () => {
  assert.match(
    ofSection({ minReadySeconds: 600 }),
    /progressDeadlineSeconds is 600, wanted more than minReadySeconds, which is 600/,
  )
  assert.equal(
    ofSection({ terminationGracePeriodSeconds: 35 }),
    'services.web.kubernetes.terminationGracePeriodSeconds is 35, wanted at least 36: preStop 5 + drain delay 0 + drain 29 + hooks 0 + 2 s',
  )
  assert.equal(ofSection({ terminationGracePeriodSeconds: 36 }), '')
  assert.match(
    ofSection({ terminationGracePeriodSeconds: 36 }, '1.29'),
    /wanted at least 41: preStop 5 \+ drain delay 5/,
  )
  assert.match(
    ofSection({ lifecycle: { preStop: { exec: { command: ['/bin/flush'] } } } }),
    /lifecycle.preStop takes an unknown time, wanted drain.preStopSeconds/,
  )
  for (const command of [
    ['sleep', '7'],
    ['/bin/sleep', '7'],
    ['sh', '-c', 'sleep 7'],
  ])
    assert.equal(ofSection({ lifecycle: { preStop: { exec: { command } } } }), '', command.join(' '))
  assert.match(
    ofSection({ lifecycle: { preStop: { sleep: { seconds: 7 } } } }, '1.29'),
    /preStop has the sleep action, which Kubernetes 1.29 does not have by default, wanted exec/,
  )
})

test('kubernetesObjects() refuses a budget that would block a drain of nodes for ever', () => {
  const budget = (replicas: number, podDisruptionBudget: Section['podDisruptionBudget']) =>
    ofSection({ replicas, podDisruptionBudget })
  assert.match(budget(3, { minAvailable: 3 }), /minAvailable is 3 of 3, wanted less/)
  assert.match(budget(1, { minAvailable: 1 }), /minAvailable is 1 of 1/)
  assert.match(budget(3, { minAvailable: '100%' }), /minAvailable is "100%" of 3/)
  // 67 % of 3 are 2.01, rounded up 3.
  assert.match(budget(3, { minAvailable: '67%' }), /minAvailable is "67%" of 3/)
  assert.equal(budget(3, { minAvailable: '66%' }), '')
  assert.match(budget(3, { maxUnavailable: 0 }), /maxUnavailable is 0, wanted more than 0/)
  assert.match(budget(3, { maxUnavailable: '0%' }), /maxUnavailable is "0%"/)
  assert.equal(budget(3, { maxUnavailable: '1%' }), '')
  assert.match(budget(3, { minAvailable: 1, maxUnavailable: 1 }), /has both minAvailable and maxUnavailable/)
  assert.match(budget(3, { minAvailable: 'all' }), /minAvailable is "all", wanted a number or a percentage/)
  assert.match(
    ofSection({ autoscaling: { minReplicas: 2, maxReplicas: 9 }, podDisruptionBudget: { minAvailable: 2 } }),
    /minAvailable is 2 of 2/,
  )
})

test('kubernetesObjects() refuses a secret in plain text', () => {
  const secret =
    /^services\.web\.env\.\w+ looks like a secret and would be plain text in the manifests, wanted kubernetes\.env\.\w+ with valueFrom/
  for (const name of [
    'PASSWORD',
    'DB_PASSWORD',
    'API_KEY',
    'APIKEY',
    'GITHUB_TOKEN',
    'AWS_SECRET_ACCESS_KEY',
    'db_pass',
  ])
    assert.match(refusal({ env: { [name]: 'x' } }), secret, name)
  assert.match(refusal({ env: { DATABASE_URL: 'postgres://app:hunter2@db/app' } }), secret)
  assert.match(refusal({ env: { CERT: '-----BEGIN RSA PRIVATE KEY-----\nMII…' } }), secret)
  for (const name of [
    'TOKEN_TTL',
    'PWD',
    'COMPASS',
    'KEY',
    'PUBLIC_KEY',
    'SECRET_NAME',
    'PASSWORD_MIN_LENGTH',
  ])
    assert.equal(refusal({ env: { [name]: 'x' } }), '', name)
  assert.equal(refusal({ env: { DATABASE_URL: 'postgres://app@db/app', PASSWORD: '' } }), '')
  assert.equal(ofSection({ env: { PASSWORD: { valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } } } }), '')
  assert.match(
    ofSection({ env: { PASSWORD: { value: 'x' } } }),
    /^services.web.kubernetes.env.PASSWORD looks like a secret/,
  )
  assert.match(
    ofSection({ configMap: { data: { API_TOKEN: 'x' } } }),
    /configMap.data.API_TOKEN looks like a secret/,
  )
  assert.equal(refusal({ env: { CSRF_TOKEN: 'x' }, kubernetes: { image, plainEnv: ['CSRF_TOKEN'] } }), '')
})

test('kubernetesObjects() reports all problems at once', () => {
  const message = refusal({ replicas: 'max', env: { TOKEN: 'x' }, kubernetes: {} })
  assert.equal(message.split('\n').length, 3)
})

test('parseVersion() accepts the versions of servers and users from 1.20 to 1.36', () => {
  const minor = (text: string) => {
    const version = parseVersion(text)
    return version.ok ? version.value.minor : version.failure.message
  }
  for (const text of ['1.29', 'v1.29', '1.29.3', 'v1.29.3-gke.100', '1.29+', 'v1.29.3+k3s1'])
    assert.equal(minor(text), 29, text)
  for (const text of ['1.19', '1.37', '2.0', '1', 'latest', '', '1.2x', '0.30'])
    assert.equal(minor(text), `--kubernetes-version is "${text}", wanted one from 1.20 to 1.36`)
})
