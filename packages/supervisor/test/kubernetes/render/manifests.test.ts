import assert from 'node:assert/strict'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import type { Config } from '../../../dist/config/index.js'
import { toYaml } from '../../../dist/cli/kubernetes/to-yaml.js'
import type { Rendered } from '../../../dist/kubernetes/render/index.js'
import { rolesOf } from '../../../dist/kubernetes/render/index.js'
import type { Asked } from './configs.js'
import { everything, orderOf, render, webOf } from './configs.js'

/**
 * The manifests are traces: the rendered objects must equal `test/kubernetes/render/manifests/NAME.yaml`, which has the
 * notes at its top. `UPDATE_TRACES=1` rewrites them. Review the difference like code.
 */
const manifests = new URL('../../../test/kubernetes/render/manifests/', import.meta.url)
const folder = fileURLToPath(new URL('../../../../..', import.meta.url))

const stories: Record<string, [Config['services'], Asked]> = {
  'plain-1.20': [{ web: webOf() }, { version: '1.20' }],
  'plain-1.36': [{ web: webOf() }, { version: '1.36' }],
  ...Object.fromEntries(
    // Every version at which something changes, the oldest and the newest.
    ['1.20', '1.21', '1.22', '1.23', '1.27', '1.30', '1.36'].map((version) => [
      `everything-${version}`,
      [everything, { version, folder }] satisfies [Config['services'], Asked],
    ]),
  ),
  library: [
    {
      web: webOf({
        kubernetes: { image: 'registry.example/web:1.2.3', register: true, probesPort: 9090 },
      }),
    },
    { version: '1.25' },
  ],
  several: [
    {
      web: webOf(),
      worker: {
        command: './worker',
        strategy: { type: 'Recreate' },
        kubernetes: { image: 'registry.example/worker', podDisruptionBudget: false, command: ['/worker'] },
      },
    },
    { namespace: 'shop' },
  ],
}

for (const [name, [services, asked]] of Object.entries(stories))
  test(`kubernetesObjects() renders ${name}`, () => {
    const rendered = render(services, asked)
    compare(name, rendered)
    assert.deepEqual(
      parseAllDocuments(toYaml(rendered)).map((document) => document.toJS() as unknown),
      rendered.objects,
      'a reader of YAML 1.2 sees the same objects',
    )
  })

test('rolesOf() renders the rights to apply, upgrade and undo the objects', () => {
  const order = orderOf(everything, { folder })
  compare('roles', { ...rolesOf(order, render(everything, { folder }).objects), notes: [] })
})

test('every manifest belongs to a story', () => {
  const files = readdirSync(manifests).map((file) => file.replace(/\.yaml$/, ''))
  assert.deepEqual(files.sort(), [...Object.keys(stories), 'roles'].sort())
})

function compare(name: string, rendered: Rendered): void {
  const text = [
    ...rendered.notes.map((note) => `# note: ${note.replaceAll(folder, '/srv/shop/')}\n`),
    toYaml(rendered),
  ].join('')
  const file = new URL(`${name}.yaml`, manifests)
  if (process.env.UPDATE_TRACES) writeFileSync(file, text)
  assert.equal(text, readFileSync(file, 'utf8'), `${name}.yaml; UPDATE_TRACES=1 writes it again`)
}
