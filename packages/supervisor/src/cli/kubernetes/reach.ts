import { connection } from '../../kubernetes/api/kubeconfig.js'
import type { KubeOptions } from '../../kubernetes/api/kubeconfig.js'
import { connect } from '../../kubernetes/api/cluster.js'
import type { ApiFailure, Cluster } from '../../kubernetes/api/ports.js'
import { readDeployment } from '../../kubernetes/api/resources.js'
import type { Deployment } from '../../kubernetes/rollout/index.js'
import { findConfig, folderOfCommand } from '../../config/find.js'
import { exitCodes } from '../../control/api.js'
import { CommandExit, exitWith, valueOf } from '../exit.js'

export interface KubernetesOptions extends KubeOptions {
  config?: string
  json?: boolean
}

export const reach = async (options: KubernetesOptions): Promise<Cluster> =>
  connect(valueOf(await connection(options, process.env)))

/** Reads the Deployment with this name, or that of the configuration's only service. */
export async function reachDeployment(
  name: string | undefined,
  options: KubernetesOptions,
): Promise<{ cluster: Cluster; deployment: Deployment }> {
  const wanted = name ?? (await onlyService(options))
  const cluster = await reach(options)
  const answer = await readDeployment(cluster, wanted)
  return { cluster, deployment: answer.ok ? answer.value : fail(answer.failure) }
}

export function fail(failure: ApiFailure): never {
  throw exitWith(failure)
}

async function onlyService({ config }: KubernetesOptions): Promise<string> {
  const file = config ?? findConfig(folderOfCommand())
  if (file === null)
    throw new CommandExit(
      exitCodes.usage,
      'the service is missing and there is no handover.config here, wanted a name, for example: handover kubernetes status web',
    )
  const { loadConfig } = await import('../../config/load.js')
  const { services } = valueOf(await loadConfig(file, folderOfCommand()))
  const [only] = services
  if (services.length === 1 && only) return only.name
  const names = services.map((service) => `"${service.name}"`).join(', ')
  throw new CommandExit(exitCodes.usage, `the service is missing, wanted one of ${names} of "${file}"`)
}
