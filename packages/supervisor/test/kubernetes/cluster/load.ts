import assert from 'node:assert/strict'
import type { Cluster } from '@handover/testkit/kubernetes'
import { calibrate, startLoad } from '../../../dist/verify/index.js'
import type { Load, LoadOptions, LoadReport, Target } from '../../../dist/verify/index.js'

/** A port that refuses connections, as a node does when a Service has no endpoint. */
const nowhere: Target = { host: '10.97.0.1', port: 9 }

/** Every kind of client that the fixtures support. There are few, since control plane and pods share the machine. */
const workloads: LoadOptions['workloads'] = {
  newConnections: { perSecond: 60 },
  keepAlive: [
    { connections: 12, thinkMs: [0, 100] },
    { connections: 4, thinkMs: [500, 3_000] },
  ],
  slow: { concurrency: 3, path: '/', ms: [100, 2_000] },
  uploads: { concurrency: 2, bytes: 100_000, path: '/upload' },
}

/** Starts load on a Service once it has `replicas` endpoints. Connections go where kube-proxy would send them. */
export async function loadService(cluster: Cluster, namespace: string, replicas: number) {
  const proxy = cluster.proxy(namespace, 'web')
  await proxy.reached(replicas)
  const first = proxy.next() ?? nowhere
  const options: LoadOptions = { target: first, workloads }
  const calibration = await calibrate(options)
  assert.ok(calibration.ok, JSON.stringify(calibration))
  const load: Load = startLoad({
    ...options,
    calibration: calibration.value,
    route: () => proxy.next() ?? nowhere,
  })
  return {
    proxy,
    /** Ends the load, and resolves with its report. */
    async stop(): Promise<LoadReport> {
      const report = await load.stop()
      proxy.close()
      return report
    },
  }
}

/** Fails if a request was refused, reset, cut off or answered wrongly. Prints the number of requests. */
export function assertFlawless(report: LoadReport, print: (line: string) => void): void {
  const { answered, failed, requestsPerSecond, failures } = report
  print(`${answered} requests answered, ${failed} failed, ${Math.round(requestsPerSecond)} a second`)
  assert.equal(failed, 0, JSON.stringify(failures.slice(0, 5), null, 2))
  assert.ok(answered > 500, `only ${answered} requests were answered: that proves little`)
}
