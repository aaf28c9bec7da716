import type { KubernetesService } from '../../kubernetes/render/index.js'
import type { KubernetesSpec } from '../../model/index.js'
import { exitCodes } from '../../control/api.js'
import { CommandExit } from '../exit.js'

/** Applies `image=web:2` to the only service, `api.image=api:2` to service api. A later setting wins. */
export function applySettings(services: KubernetesService[], settings: string[]): KubernetesService[] {
  return settings.reduce((changed, setting) => {
    const { service, change } = readSetting(setting, changed)
    return changed.map((one) =>
      one.spec.name === service ? { ...one, kubernetes: { ...one.kubernetes, ...change } } : one,
    )
  }, services)
}

function readSetting(
  setting: string,
  services: KubernetesService[],
): { service: string; change: Partial<KubernetesSpec> } {
  const match = /^(?:(?<service>[^=]+)\.)?(?<field>[^=.]+)=(?<value>.+)$/.exec(setting)?.groups
  if (!match) throw usage(`--set is "${setting}", wanted image=… or replicas=…`)
  return {
    service: serviceOf(match['service'], setting, services),
    change: changeOf(match['field'] ?? '', match['value'] ?? '', setting),
  }
}

function serviceOf(name: string | undefined, setting: string, services: KubernetesService[]): string {
  const names = services.map(({ spec }) => spec.name)
  const [only] = names
  if (name === undefined && names.length === 1 && only !== undefined) return only
  if (name !== undefined && names.includes(name)) return name
  const wanted = names.map((known) => `${known}.${setting.slice(name === undefined ? 0 : name.length + 1)}`)
  throw usage(`--set is "${setting}", wanted the name of a service before it: ${wanted.join(' or ')}`)
}

function changeOf(field: string, value: string, setting: string): Partial<KubernetesSpec> {
  if (field === 'image') return { image: value }
  if (field === 'replicas' && /^\d+$/.test(value)) return { replicas: Number(value) }
  throw usage(`--set is "${setting}", wanted image=… or replicas=… and a whole number`)
}

const usage = (message: string): CommandExit => new CommandExit(exitCodes.usage, message)
