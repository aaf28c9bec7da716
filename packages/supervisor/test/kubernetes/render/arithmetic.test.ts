import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ServiceConfig } from '../../../dist/config/index.js'
import type { IntOrPercent, JsonObject, ServiceSpec } from '../../../dist/model/index.js'
import { kubernetesObjects } from '../../../dist/kubernetes/render/index.js'
import type { KubernetesOrder, Rendered } from '../../../dist/kubernetes/render/index.js'
import { limitsOf } from '../../../dist/rollout/fenceposts.js'
import { orderOf } from './configs.js'

const numRuns = Number(process.env.RUNS ?? 500)

const seconds = (max: number) =>
  fc.oneof(
    fc.nat(max),
    fc.double({ min: 0, max, noNaN: true }).map((value) => Math.round(value * 1000) / 1000),
  )
const limit = fc.oneof(
  fc.nat(20),
  fc.nat(100).map((percent): IntOrPercent => `${percent}%`),
)

const strategy = fc
  .record({ maxSurge: limit, maxUnavailable: limit }, { requiredKeys: [] })
  .filter(({ maxSurge, maxUnavailable }) => !(isZero(maxSurge) && isZero(maxUnavailable)))
  .map((rollingUpdate) => ({ rollingUpdate }))
const isZero = (value: IntOrPercent | undefined) => value === 0 || value === '0%'

const lifecycle = fc.oneof(
  fc.constant(undefined),
  fc.nat(30).map((seconds) => ({ preStop: { exec: { command: ['sleep', String(seconds)] } } })),
  fc.nat(30).map((seconds) => ({ preStop: { sleep: { seconds } } })),
)

const drain = fc.record(
  {
    delaySeconds: seconds(30),
    delayBy: fc.constantFrom('preStop' as const, 'library' as const),
    preStopSeconds: seconds(30),
    hooksSeconds: seconds(30),
  },
  { requiredKeys: [] },
)

const section = fc.record(
  {
    replicas: fc.nat(200),
    strategy,
    lifecycle,
    drain,
    register: fc.boolean(),
    terminationGracePeriodSeconds: seconds(400),
  },
  { requiredKeys: [] },
)

/** Valid configurations with every setting that affects times and numbers of pods. */
const config = fc
  .record(
    {
      replicas: fc.nat(200),
      strategy,
      terminationGracePeriodSeconds: seconds(120),
      kubernetes: section,
    },
    { requiredKeys: ['kubernetes'] },
  )
  .map(({ kubernetes, ...service }): ServiceConfig =>
    withoutUndefined({
      command: './web',
      listen: { http: 3000 },
      ...service,
      kubernetes: withoutUndefined({ image: 'web:1', ...kubernetes }),
    }),
  )
const version = fc.integer({ min: 20, max: 36 }).map((minor) => `1.${minor}`)

test('in every manifest grace >= preStop + delay + drain + hooks', () => {
  let rendered = 0
  fc.assert(
    fc.property(config, version, (web, at) => {
      const order = orderOf({ web }, { version: at })
      const result = kubernetesObjects(order)
      if (!result.ok) {
        // Only a configured value can be too short, or unknown to the version.
        assert.match(result.failure.message, /terminationGracePeriodSeconds is|preStop has the sleep action/)
        return
      }
      rendered += 1
      const { grace, preStop, library } = timesOf(result.value)
      const { spec, kubernetes } = only(order)
      const hooks = kubernetes.drain.hooksSeconds
      assert.ok(
        grace >= preStop + library.delay + spec.drain.timeoutSeconds + hooks,
        `${grace} of ${preStop}, ${library.delay}, ${spec.drain.timeoutSeconds}, ${hooks}`,
      )
      assert.ok(grace >= preStop + library.drain + hooks, 'the library is done before SIGKILL')
      assert.ok(library.delay < library.drain, 'the library takes no delay as long as its drain')
    }),
    { numRuns },
  )
  assert.ok(rendered > numRuns / 3, `only ${rendered} of ${numRuns} were rendered`)
})

test('a Deployment is rolled by the same arithmetic as a service on one machine', () => {
  fc.assert(
    fc.property(config, version, (web, at) => {
      const order = orderOf({ web }, { version: at })
      const result = kubernetesObjects(order)
      if (!result.ok) return
      const { spec, kubernetes } = only(order)
      const { replicas, strategy } = deploymentOf(result.value).spec as unknown as Rolling
      assert.equal(replicas, web.kubernetes?.replicas ?? web.replicas ?? 1)
      const ours = limitsOf({ ...spec, strategy: kubernetes.strategy } satisfies ServiceSpec, replicas)
      assert.deepEqual(ours, kubernetesLimits(strategy.rollingUpdate, replicas))
      // Both use the configured limits. The defaults are one pod more and none less.
      const configured = web.kubernetes?.strategy ?? web.strategy
      const { maxSurge, maxUnavailable } = configured?.rollingUpdate ?? {}
      assert.equal(strategy.rollingUpdate.maxSurge, maxSurge ?? 1)
      assert.equal(
        strategy.rollingUpdate.maxUnavailable,
        maxUnavailable ?? (isZero(maxSurge as IntOrPercent) ? 1 : 0),
      )
    }),
    { numRuns },
  )
})

test('the grace period of the defaults is 5 + 29 + 5', () => {
  const graceOf = (web: ServiceConfig, at: string) => {
    const rendered = kubernetesObjects(orderOf({ web }, { version: at }))
    assert.ok(rendered.ok)
    return timesOf(rendered.value).grace
  }
  const web: ServiceConfig = { command: './web', listen: { http: 1 }, kubernetes: { image: 'web:1' } }
  assert.equal(graceOf(web, '1.30'), 39)
  // The image may not have `sleep`, so the library waits as well.
  assert.equal(graceOf(web, '1.29'), 44)
  assert.equal(graceOf({ ...web, kubernetes: { image: 'web:1', register: true } }, '1.29'), 39)
})

interface Rolling {
  replicas: number
  strategy: { rollingUpdate: { maxSurge: IntOrPercent; maxUnavailable: IntOrPercent } }
}

/**
 * The rules of Kubernetes, step by step. intstr.GetScaledValueFromIntOrPercent is ceil(value * total / 100) when it
 * rounds up, and floor otherwise. ResolveFenceposts (deployment util) rounds maxSurge up and maxUnavailable down. If
 * both are 0, it sets maxUnavailable to 1.
 */
function kubernetesLimits(
  { maxSurge, maxUnavailable }: Rolling['strategy']['rollingUpdate'],
  replicas: number,
) {
  const scaled = (value: IntOrPercent, roundUp: boolean) => {
    if (typeof value === 'number') return value
    const exact = (Number(value.slice(0, -1)) * replicas) / 100
    return roundUp ? Math.ceil(exact) : Math.floor(exact)
  }
  const surge = scaled(maxSurge, true)
  let unavailable = scaled(maxUnavailable, false)
  if (surge === 0 && unavailable === 0) unavailable = 1
  // MaxUnavailable (deployment util): at most the number of replicas.
  unavailable = Math.min(unavailable, replicas)
  return {
    maxTotal: replicas === 0 ? 0 : replicas + surge,
    minAvailable: replicas - unavailable,
  }
}

const deploymentOf = ({ objects }: Rendered) => {
  const found = objects.find(({ kind }) => kind === 'Deployment')
  assert.ok(found)
  return found
}

/** The times in the manifest, as kubelet and the library read them. */
function timesOf(rendered: Rendered) {
  const { template } = deploymentOf(rendered).spec as unknown as {
    template: { spec: { terminationGracePeriodSeconds: number; containers: JsonObject[] } }
  }
  const { lifecycle, env } = template.spec.containers[0] as unknown as {
    lifecycle?: { preStop?: { sleep?: { seconds: number }; exec?: { command: string[] } } }
    env: { name: string; value: string }[]
  }
  const variable = (name: string) => Number(env.find((one) => one.name === name)?.value ?? 0)
  const { sleep, exec } = lifecycle?.preStop ?? {}
  const waited = variable('HANDOVER_PRESTOP_SECONDS')
  return {
    grace: template.spec.terminationGracePeriodSeconds,
    preStop: sleep?.seconds ?? Number(exec?.command.at(-1) ?? 0),
    library: {
      delay: Math.max(0, variable('HANDOVER_DRAIN_DELAY_SECONDS') - waited),
      drain: variable('HANDOVER_DRAIN_SECONDS'),
    },
  }
}

function only({ services }: KubernetesOrder) {
  const [service] = services
  assert.ok(service)
  return service
}

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T
