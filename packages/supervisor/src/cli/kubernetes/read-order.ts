import { dirname } from 'node:path'
import type { LoadedConfig } from '../../config/load.js'
import { folderOfCommand } from '../../config/find.js'
import { defaultName } from '../../config/paths.js'
import type { KubernetesOrder, KubernetesVersion } from '../../kubernetes/render/index.js'
import { exitCodes } from '../../control/api.js'
import type { CommonOptions } from '../context.js'
import { CommandExit, valueOf } from '../exit.js'
import { applySettings } from './settings.js'

/** Options of every command that renders manifests. */
export interface OrderOptions extends CommonOptions {
  /** Each `image=…`, `replicas=…`, or one of them with `service.` before it. */
  set?: string[]
  namespace?: string
}

/** The configuration, changed by the options. */
export async function readOrder(
  config: string | undefined,
  { set = [], namespace, ...options }: OrderOptions,
  version: KubernetesVersion,
): Promise<KubernetesOrder> {
  const { loadConfig } = await import('../../config/load.js')
  const loaded = valueOf(await loadConfig(config ?? options.config ?? null, folderOfCommand()))
  const folder = loaded.file === null ? folderOfCommand() : dirname(loaded.file)
  return {
    name: options.name ?? loaded.name ?? defaultName(folder),
    services: applySettings(servicesOf(loaded), set),
    ...(namespace !== undefined && { namespace }),
    folder,
    version,
  }
}

const servicesOf = ({ services, kubernetes }: LoadedConfig): KubernetesOrder['services'] =>
  services.map((spec) => {
    const section = kubernetes[spec.name]
    if (!section) throw new CommandExit(exitCodes.failed, `service "${spec.name}" was not read`)
    return { spec, kubernetes: section }
  })
