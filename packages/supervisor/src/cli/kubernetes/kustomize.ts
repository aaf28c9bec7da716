import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Rendered } from '../../kubernetes/render/index.js'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'
import { objectYaml } from './to-yaml.js'

/** Writes a Kustomize base: a file for each object and a kustomization.yaml that lists them. Returns the paths. */
export function writeBase(
  rendered: Pick<Rendered, 'objects' | 'comments'>,
  folder: string,
): Result<string[]> {
  const files = rendered.objects.map(({ kind, metadata }, index) => ({
    name: `${metadata.name}-${kind.toLowerCase()}.yaml`,
    text: objectYaml(rendered, index),
  }))
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: files.map(({ name }) => name),
  }
  const all = [...files, { name: 'kustomization.yaml', text: stringify(kustomization) }]
  try {
    mkdirSync(folder, { recursive: true })
    for (const { name, text } of all) writeFileSync(join(folder, name), text)
  } catch (error) {
    return failed('Usage', `--dir is "${folder}", which cannot be written to: ${(error as Error).message}`)
  }
  return ok(all.map(({ name }) => join(folder, name)))
}
