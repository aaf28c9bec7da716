import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { clusterUnavailable, openCluster } from '@handover/testkit/kubernetes'
import type { Cluster, Image } from '@handover/testkit/kubernetes'
import { openNamespace } from './commands-rig.js'
import type { Commands } from './commands-rig.js'
import { assertFlawless, loadService } from './load.js'
import { pathOf, rolledOut } from './rig.js'

const skip = clusterUnavailable() ?? false
const apps = fileURLToPath(new URL('../../../test/fixtures/apps/', import.meta.url))
const register = import.meta.resolve('@handover/process/register')

const program = (file: string): Image => ({ entrypoint: [process.execPath, file], workingDir: apps })
const crash: Image = { entrypoint: [process.execPath, '-e', `console.log('boom'); process.exit(3)`] }
const images = {
  ...{ 'library:1': program('library.mjs'), 'library:2': program('library.mjs'), 'library:3': crash },
  ...{ 'unmodified:1': program('hello.cjs'), 'unmodified:2': program('hello.cjs'), 'unmodified:3': crash },
}

let cluster: Cluster
before(async () => {
  if (!skip) cluster = await openCluster({ images, backoffSeconds: 1 })
})
after(() => cluster?.close())

/** An applied service of two pods, under load. */
async function serve(name: 'library' | 'unmodified', kubernetes: object) {
  const commands = await openNamespace(cluster)
  const { namespace } = commands
  // idleSeconds is longer than the longest pause of a client of the load.
  const drain = { timeoutSeconds: 15, idleSeconds: 4 }
  // Time to kill the server between the readiness of a new pod and the deletion of an old one.
  const common = { image: `${name}:1`, minReadySeconds: 2, drain: { delaySeconds: 5 } }
  commands.configure({ drain }, { ...common, ...kubernetes })
  await expectCode(commands, 0, 'apply')
  const load = await loadService(cluster, namespace, 2)
  return { name, namespace, commands, load, web: pathOf('deployments', 'web', namespace) }
}

type Served = Awaited<ReturnType<typeof serve>>

async function expectCode({ run }: Commands, wanted: number, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args)
  assert.equal(code, wanted, `${args.join(' ')}: ${stdout}${stderr}`)
  return stderr
}

/** Runs every command and every kind of failure, one after the other. */
async function live({ name, namespace, commands, web }: Served): Promise<void> {
  const expect = (code: number, ...args: string[]) => expectCode(commands, code, ...args)
  await expect(0, 'upgrade', '--image', `${name}:2`)
  await expect(0, 'scale', 'web=3')

  await expect(0, 'pause')
  await expect(0, 'upgrade', '--image', `${name}:1`, '--no-wait')
  await expect(0, 'resume')
  await rolledOut(cluster, web)
  await expect(0, 'undo')

  await expect(3, 'upgrade', '--image', `${name}:3`)
  await expect(3, 'upgrade', '--image', `${name}:4`, '--fail-fast')

  const quota = pathOf('resourcequotas', undefined, namespace)
  await cluster.client.create(quota, { metadata: { name: 'pods' }, spec: { hard: { pods: '1' } } })
  const counted = (object: { status?: object } | null) =>
    JSON.stringify(object?.status ?? {}).includes('used')
  await cluster.until(`${quota}/pods`, counted)
  await expect(3, 'upgrade', '--image', `${name}:1`, '--fail-fast')
  await cluster.client.delete(`${quota}/pods`)

  await cluster.client.request(
    'PATCH',
    `${web}?fieldManager=argocd&force=true`,
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { template: { spec: { containers: [{ name: 'web', image: `${name}:2` }] } } },
    },
    'application/apply-patch+yaml',
  )
  await expect(1, 'upgrade', '--image', `${name}:1`)
  await expect(0, 'upgrade', '--image', `${name}:1`, '--force-conflicts')
}

/** Kills the API server when all services are in the middle of a rollout. */
async function rollWithoutServer(served: Served[]): Promise<void> {
  const upgrades = served.map(({ name, commands }) => commands.start('upgrade', '--image', `${name}:2`))
  await Promise.all(upgrades.map((upgrade) => upgrade.line(/: ready/)))
  await cluster.killServer()
  await Promise.all(upgrades.map((upgrade) => upgrade.line(/trying again/)))
  await cluster.startServer()
  for (const { code, stderr } of await Promise.all(upgrades.map(({ ended }) => ended)))
    assert.equal(code, 0, stderr)
}

test(
  'the commands lose no request of an application with the library, and none of an unmodified one',
  { skip },
  async (t) => {
    const served = [await serve('library', {}), await serve('unmodified', { register })]
    await Promise.all(served.map(live))
    await rollWithoutServer(served)
    for (const { namespace, load, name } of served) {
      await cluster.untilAll(pathOf('pods', undefined, namespace), (pods) => pods.length === 3)
      assertFlawless(await load.stop(), (line) => t.diagnostic(`${name}: ${line}`))
    }
  },
)
