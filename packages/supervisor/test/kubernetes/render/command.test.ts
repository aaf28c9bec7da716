import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { runCommand } from '../../commands.js'
import { folderFor } from '../../config/support.js'

const bin = fileURLToPath(new URL('../../../bin/handover.js', import.meta.url))
const noKubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0 ? false : 'no kubectl'

interface KubernetesObject {
  kind: string
  metadata: { name: string; namespace?: string }
}

function renderer(t: TestContext, services: Record<string, object>, ...more: string[]) {
  const folder = folderFor(t)
  const config = join(folder, 'handover.config.json')
  writeFileSync(config, JSON.stringify({ name: 'shop', services }))
  const args = ['kubernetes', 'render', ...more]
  const render = (...flags: string[]) => runCommand([...args, ...flags], folder, process.env)
  /** The same as a process of its own. */
  const start = (...flags: string[]) =>
    spawnSync(process.execPath, [bin, ...args, ...flags], { cwd: folder, encoding: 'utf8' })
  return { folder, render, start }
}

const web = { script: 'server.js', listen: { http: 3000 }, replicas: 2 }
const objectsOf = (yaml: string) =>
  parseAllDocuments(yaml).map((document) => document.toJS() as KubernetesObject)

test('handover kubernetes render prints manifests on standard output, and notes on standard error', async (t) => {
  const { render, start } = renderer(t, { web })
  const { status, stdout, stderr } = start('--set', 'image=web:2', '--namespace', 'shop')
  assert.equal(status, 0, stderr)
  const objects = objectsOf(stdout)
  assert.deepEqual(
    objects.map(({ kind, metadata }) => [kind, metadata.name, metadata.namespace]),
    [
      ['Service', 'web', 'shop'],
      ['Deployment', 'web', 'shop'],
      ['PodDisruptionBudget', 'web', 'shop'],
    ],
  )
  assert.match(stdout, /^ +image: web:2$/m)
  assert.match(
    stdout,
    /# preStop 5 \+ drain delay 0 \+ drain 29 \+ hooks 0 \+ margin 5 = 39 s\n +terminationGrace/,
  )
  assert.match(stderr, /^note: services\.web\.command is "node server\.js"/m)
  const again = await render('--set', 'image=web:2', '--namespace', 'shop')
  assert.equal(again.stdout, stdout, 'the same bytes again')
  const asJson = await render('--set', 'image=web:2', '--namespace', 'shop', '-o', 'json')
  const json = JSON.parse(asJson.stdout) as {
    kind: string
    items: KubernetesObject[]
  }
  assert.equal(json.kind, 'List')
  assert.deepEqual(json.items, objects)
})

test('handover kubernetes render emits objects for the requested version', async (t) => {
  const { render } = renderer(t, { web }, '--set', 'image=web:2')
  const budget = async (version: string) =>
    /^apiVersion: policy.*$/m.exec((await render('--kubernetes-version', version)).stdout)?.[0]
  assert.equal(await budget('1.20'), 'apiVersion: policy/v1beta1')
  assert.equal(await budget('v1.21.5'), 'apiVersion: policy/v1')
})

test('handover kubernetes render sets the image and replicas of the named services', async (t) => {
  const { render } = renderer(t, { web, api: { ...web, listen: { http: 3001 } } })
  const { stdout, stderr, code } = await render(
    '--set',
    'web.image=web:2',
    '--set',
    'api.image=api:7',
    '--set',
    'api.replicas=9',
  )
  assert.equal(code, 0, stderr)
  assert.deepEqual(stdout.match(/(?<=^ +)(image|replicas): .*$/gm), [
    'replicas: 2',
    'image: web:2',
    'replicas: 9',
    'image: api:7',
  ])
})

test('handover kubernetes render --rbac prints a Role that may apply the objects', async (t) => {
  const { render } = renderer(t, { web }, '--set', 'image=web:2', '--namespace', 'shop')
  const { stdout, stderr } = await render('--rbac')
  assert.deepEqual(
    objectsOf(stdout).map(({ kind, metadata }) => [kind, metadata.name, metadata.namespace]),
    ['ServiceAccount', 'Role', 'RoleBinding'].map((kind) => [kind, 'shop-handover', 'shop']),
  )
  assert.equal(stderr, '')
})

test('handover kubernetes render --output kustomize writes a kustomize base', async (t) => {
  const { folder, render } = renderer(t, { web }, '--set', 'image=web:2')
  const { code, stdout, stderr } = await render('--output', 'kustomize', '--dir', 'base')
  assert.equal(code, 0, stderr)
  assert.equal(stdout, '')
  assert.deepEqual(readdirSync(join(folder, 'base')).sort(), [
    'kustomization.yaml',
    'web-deployment.yaml',
    'web-poddisruptionbudget.yaml',
    'web-service.yaml',
  ])
  assert.match(readFileSync(join(folder, 'base/web-deployment.yaml'), 'utf8'), /# preStop 5/)
})

test('kustomize can build an overlay on the rendered base', { skip: noKubectl }, async (t) => {
  const { folder, render } = renderer(t, { web }, '--set', 'image=web:2')
  await render('--output', 'kustomize', '--dir', 'base')
  mkdirSync(join(folder, 'live'))
  writeFileSync(
    join(folder, 'live/kustomization.yaml'),
    'namespace: live\nresources: [../base]\nimages: [{ name: web, newTag: "3" }]\n',
  )
  const built = spawnSync('kubectl', ['kustomize', join(folder, 'live')], { encoding: 'utf8' })
  assert.equal(built.status, 0, built.stderr)
  assert.match(built.stdout, /image: web:3/)
  assert.deepEqual(
    objectsOf(built.stdout)
      .map(({ kind, metadata }) => `${kind} ${metadata.namespace}`)
      .sort(),
    ['Deployment live', 'PodDisruptionBudget live', 'Service live'],
  )
})

test('handover kubernetes render names the error in one sentence, and exits with 2', async (t) => {
  const { render } = renderer(t, { web })
  const table: [flags: string[], sentence: RegExp][] = [
    [[], /^handover: services\.web\.kubernetes has no image, wanted "image", or --set image=…$/m],
    [
      ['--kubernetes-version', '1.12'],
      /^handover: --kubernetes-version is "1.12", wanted one from 1.20 to 1.36$/m,
    ],
    [['--set', 'image'], /^handover: --set is "image", wanted image=… or replicas=…$/m],
    [
      ['--set', 'api.image=x'],
      /^handover: --set is "api.image=x", wanted the name of a service before it: web.image=x$/m,
    ],
    [
      ['--set', 'replicas=two'],
      /^handover: --set is "replicas=two", wanted image=… or replicas=… and a whole number$/m,
    ],
    [
      ['--set', 'image=x:1', '--namespace', 'Shop'],
      /^handover: --namespace is "Shop", wanted an RFC 1123 label/m,
    ],
    [
      ['--set', 'image=x:1', '-o', 'helm'],
      /^handover: --output is "helm", wanted one of yaml, json, kustomize$/m,
    ],
    [
      ['--set', 'image=x:1', '-o', 'kustomize'],
      /^handover: --output is "kustomize", wanted a folder for its files: --dir FOLDER$/m,
    ],
    [['--set', 'image=x:1', '--dir', 'x'], /^handover: --dir is "x", wanted --output kustomize with it$/m],
    [
      ['--set', 'image=x:1', '-o', 'kustomize', '--dir', '/dev/null/x'],
      /^handover: --dir is "\/dev\/null\/x", which cannot be written to/m,
    ],
    [['missing.yaml'], /there is no configuration file "missing.yaml"/],
  ]
  for (const [flags, sentence] of table) {
    const { code, stdout, stderr } = await render(...flags)
    assert.match(stderr, sentence)
    assert.equal(code, 2, flags.join(' '))
    assert.equal(stdout, '')
  }
})
