import assert from 'node:assert/strict'
import type { Result } from '../../../dist/model/index.js'
import type { Config, ServiceConfig } from '../../../dist/config/index.js'
import { validateConfig } from '../../../dist/config/validate.js'
import type { KubernetesOrder, Rendered } from '../../../dist/kubernetes/render/index.js'
import { kubernetesObjects, parseVersion } from '../../../dist/kubernetes/render/index.js'

/** A service as in a configuration file, with the section `kubernetes`. */
export const webOf = (change: Partial<ServiceConfig> = {}): ServiceConfig => ({
  script: 'server.js',
  listen: { http: 3000 },
  kubernetes: { image: 'registry.example/web:1.2.3' },
  ...change,
})

/** Every field of the section `kubernetes`, in one plausible configuration. */
export const everything: Config['services'] = {
  web: {
    script: 'server.js',
    cwd: 'packages',
    user: '1000',
    env: { NODE_ENV: 'production', GREETING: 'costs $(PRICE)', DB_PASSWORD: 'only on one machine' },
    envFile: 'package.json',
    replicas: 4,
    listen: { http: 80, metrics: 'udp:8125', admin: '127.0.0.1:9229', local: 'unix:/run/web.sock' },
    strategy: { rollingUpdate: { maxSurge: '50%', maxUnavailable: '25%' } },
    minReadySeconds: 2.5,
    progressDeadlineSeconds: 120,
    revisionHistoryLimit: 5,
    drain: { timeoutSeconds: 20 },
    startupProbe: { tcpSocket: { port: 'http' }, periodSeconds: 0.2, failureThreshold: 100 },
    readinessProbe: {
      httpGet: { path: '/ready', port: 'http', httpHeaders: [{ name: 'X-Probe', value: '1' }] },
    },
    livenessProbe: { exec: { command: ['node', 'alive.js'] }, initialDelaySeconds: 3 },
    kubernetes: {
      image: 'registry.example/web:1.2.3',
      namespace: 'shop',
      labels: { team: 'checkout' },
      annotations: { 'example.com/owner': 'checkout' },
      args: ['server.js', '--verbose'],
      imagePullPolicy: 'IfNotPresent',
      imagePullSecrets: [{ name: 'registry' }],
      drain: { delaySeconds: 4, hooksSeconds: 2 },
      env: {
        DB_PASSWORD: { valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
        LOG_LEVEL: 'on',
      },
      envFrom: [{ secretRef: { name: 'web-secrets' } }],
      resources: { requests: { cpu: '250m', memory: '128Mi' }, limits: { memory: '256Mi' } },
      securityContext: { fsGroup: 1000, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } },
      serviceAccountName: 'web',
      nodeSelector: { 'kubernetes.io/arch': 'amd64' },
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 1,
              podAffinityTerm: {
                topologyKey: 'kubernetes.io/hostname',
                labelSelector: { matchLabels: { noisy: 'yes' } },
              },
            },
          ],
        },
      },
      tolerations: [{ key: 'spot', operator: 'Exists', effect: 'NoSchedule' }],
      volumes: [{ name: 'cache', emptyDir: { sizeLimit: '64Mi' } }],
      volumeMounts: [{ name: 'cache', mountPath: '/var/cache/web' }],
      service: {
        type: 'LoadBalancer',
        externalTrafficPolicy: 'Local',
        annotations: { 'example.com/balancer': 'internal' },
        ports: [{ name: 'http', port: 80 }],
      },
      ingress: {
        ingressClassName: 'nginx',
        annotations: { 'example.com/timeout': '30' },
        rules: [{ host: 'shop.example' }],
        tls: [{ hosts: ['shop.example'], secretName: 'shop-tls' }],
      },
      autoscaling: { minReplicas: 3, maxReplicas: 12, targetCPUUtilizationPercentage: 60 },
      podDisruptionBudget: { maxUnavailable: '25%' },
      configMap: { data: { 'web.toml': 'greeting = "hello"\n', 'a.txt': 'a' }, mountPath: '/etc/web' },
    },
  },
}

export interface Asked {
  version?: string
  namespace?: string
  /** The folder of the configuration, in which its files are looked for. */
  folder?: string
}

/** Reads the services in the same way as a configuration file. */
export function orderOf(
  services: Config['services'],
  { version = '1.30', namespace, folder = process.cwd() }: Asked = {},
): KubernetesOrder {
  const config = validateConfig({ services }, { file: null, folder, locate: (path) => path.join('.') })
  assert.ok(config.ok, config.ok ? '' : config.failure.message)
  const parsed = parseVersion(version)
  assert.ok(parsed.ok)
  return {
    name: 'shop',
    services: config.value.services.map((spec) => {
      const kubernetes = config.value.kubernetes[spec.name]
      assert.ok(kubernetes)
      return { spec, kubernetes }
    }),
    ...(namespace !== undefined && { namespace }),
    folder,
    version: parsed.value,
  }
}

export const tryRender = (services: Config['services'], asked: Asked = {}): Result<Rendered> =>
  kubernetesObjects(orderOf(services, asked))

export function render(services: Config['services'], asked: Asked = {}): Rendered {
  const rendered = tryRender(services, asked)
  assert.ok(rendered.ok, rendered.ok ? '' : rendered.failure.message)
  return rendered.value
}
