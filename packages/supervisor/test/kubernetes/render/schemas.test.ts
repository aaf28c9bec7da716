import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { KubernetesObject } from '../../../dist/kubernetes/render/index.js'
import { rolesOf } from '../../../dist/kubernetes/render/index.js'
import { everything, orderOf, render, webOf } from './configs.js'

/**
 * The published types of Kubernetes' API by version, and for two versions also its schemas (development dependencies).
 * Types refuse a field that the version does not have. Schemas check values.
 */
const published: Record<string, { types: string; schemas: boolean }> = {
  '1.21': { types: 'kubernetes-types-1.21', schemas: false },
  '1.25': { types: 'kubernetes-types-1.25', schemas: false },
  '1.26': { types: 'kubernetes-types-1.26', schemas: false },
  '1.27': { types: 'kubernetes-models-1.27', schemas: true },
  '1.29': { types: 'kubernetes-types-1.29', schemas: false },
  '1.30': { types: 'kubernetes-types-1.30', schemas: false },
  '1.36': { types: 'kubernetes-models-1.36', schemas: true },
}

const root = fileURLToPath(new URL('../../../../..', import.meta.url))

/** Everything that can be rendered for the version. */
function objectsFor(version: string): KubernetesObject[] {
  const asked = { version, folder: root }
  const all = render(everything, asked)
  const library = render(
    { web: webOf({ kubernetes: { image: 'web:1', register: true, probesPort: 9090 } }) },
    asked,
  )
  return [...all.objects, ...library.objects, ...rolesOf(orderOf(everything, asked), all.objects).objects]
}

/** Path of the type: `core/v1` or `v1`, `policy/v1`, `networking.k8s.io/v1` or `networking/v1`, by package. */
function moduleOf(types: string, apiVersion: string): string {
  const [group = '', version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion]
  if (types.includes('types')) {
    const short = group === 'rbac.authorization.k8s.io' ? 'rbac' : group.replace('.k8s.io', '')
    return `${types}/${short}/${version}.js`
  }
  return apiVersion.includes('/') ? `${types}/${group}/${version}` : `${types}/${version}`
}

/** The object as a literal in a program. The compiler refuses every field that the type does not have. */
function program(types: string, objects: KubernetesObject[]): string {
  return objects
    .map((object, index) => {
      const { apiVersion, kind } = object
      const name = types.includes('types') ? kind : `I${kind}`
      return `import type { ${name} as T${index} } from '${moduleOf(types, apiVersion)}'\nexport const o${index}: T${index} = ${JSON.stringify(object, null, 2)}\n`
    })
    .join('')
}

function compile(programs: Record<string, string>): string {
  const folder = mkdtempSync(join(root, 'packages/supervisor/dist-test/schemas-'))
  try {
    const files = Object.entries(programs).map(([name, code]) => {
      const file = join(folder, `${name}.ts`)
      writeFileSync(file, code)
      return file
    })
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--types',
      'node',
    ]
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    execFileSync(process.execPath, [tsc, ...options, ...files], { stdio: 'pipe', encoding: 'utf8' })
    return ''
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? error)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Compiles the programs of all versions in one run, and two that use what a version does not have. */
const compiled = compile({
  ...Object.fromEntries(
    Object.entries(published).map(([version, { types }]) => [
      `v${version.replace('.', '-')}`,
      program(types, objectsFor(version)),
    ]),
  ),
  early: program('kubernetes-types-1.21', objectsFor('1.29')),
  sleep: program('kubernetes-models-1.27', objectsFor('1.30')),
}).split('\n')

test("rendered objects have the published types of the version's API", () => {
  const refused = compiled.filter((line) => !/(early|sleep)\.ts/.test(line) && /\.ts\(/.test(line))
  assert.deepEqual(refused, [])
})

test('the published types refuse a field that an older version does not have', () => {
  const output = compiled.join('\n')
  assert.match(output, /early\.ts.*'"matchLabelKeys"' does not exist/)
  assert.match(output, /early\.ts.*'"unhealthyPodEvictionPolicy"' does not exist/)
  assert.match(output, /early\.ts.*Cannot find module 'kubernetes-types-1.21\/autoscaling\/v2\.js'/)
  assert.match(output, /sleep\.ts.*'"sleep"' does not exist/)
})

interface Model {
  validate(): void
}

for (const [version, { types, schemas }] of Object.entries(published).filter(([, { schemas }]) => schemas))
  test(`rendered objects are valid by the published schemas of ${version}`, { skip: !schemas }, async () => {
    for (const object of objectsFor(version)) {
      const models = (await import(moduleOf(types, object.apiVersion))) as Record<
        string,
        new (data: KubernetesObject) => Model
      >
      const Kind = models[object.kind]
      assert.ok(Kind, object.kind)
      new Kind(object).validate()
      if (object.kind === 'Deployment')
        assert.throws(() => new Kind({ ...object, spec: { replicas: 'two' } }).validate())
    }
  })
