import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { clusterUnavailable, openCluster } from '@handover/testkit/kubernetes'
import type { Cluster, KubernetesObject } from '@handover/testkit/kubernetes'
import type { Commands } from './commands-rig.js'
import { images, openNamespace } from './commands-rig.js'
import { pathOf } from './rig.js'

/** One cluster for the tests of a file. Each test has its own namespace. */
export interface SharedCluster {
  /** Why no cluster can be started, or false. */
  skip: string | false
  readonly cluster: Cluster
  /** An empty namespace. */
  namespace(): Promise<Commands>
  /** A namespace in which `handover kubernetes apply` has started two pods of web:1. */
  applied(kubernetes?: object, service?: object): Promise<Commands>
  deployment(commands: Commands, name: string): Promise<KubernetesObject>
  /** The Deployment of the service `web`. */
  web(commands: Commands): Promise<KubernetesObject>
}

/** Call it once, at the top of the file. */
export function sharedCluster(): SharedCluster {
  const skip = clusterUnavailable() ?? false
  let cluster: Cluster
  before(async () => {
    if (!skip) cluster = await openCluster({ images, backoffSeconds: 1 })
  })
  after(() => cluster?.close())
  const deployment = async ({ namespace }: Commands, name: string) => {
    const found = await cluster.until(pathOf('deployments', name, namespace), (object) => object !== null)
    assert.ok(found)
    return found
  }
  return {
    skip,
    get cluster() {
      return cluster
    },
    namespace: () => openNamespace(cluster),
    async applied(kubernetes = {}, service = {}) {
      const commands = await openNamespace(cluster)
      commands.configure(service, kubernetes)
      const { code, stderr } = await commands.run('apply')
      assert.equal(code, 0, stderr)
      return commands
    },
    deployment,
    web: (commands) => deployment(commands, 'web'),
  }
}

export const imageOf = ({ spec }: KubernetesObject): string =>
  (spec as { template: { spec: { containers: { image: string }[] } } }).template.spec.containers[0]?.image ??
  ''
