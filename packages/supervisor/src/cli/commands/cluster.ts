import type { Command } from 'commander'
import type { ApplyOptions } from '../kubernetes/apply.js'
import type { KubernetesOptions } from '../kubernetes/reach.js'
import type { UpgradeOptions } from '../kubernetes/rollouts.js'
import type { RollOptions } from '../kubernetes/show.js'
import { collect } from './options.js'
import { positiveInteger, seconds } from './rollouts.js'

/** The commands of `kubernetes` that talk to a cluster. Their code and the client are loaded on demand. */
export function addClusterCommands(kubernetes: Command): void {
  addApply(kubernetes)
  addRollouts(kubernetes)
  addSteering(kubernetes)
  addLooking(kubernetes)
}

const rollouts = () => import('../kubernetes/rollouts.js')
const looking = () => import('../kubernetes/look.js')

/** The options have kubectl's names. */
const withCluster = (command: Command): Command =>
  command
    .option('--kubeconfig <file>', 'kubeconfig file (default: KUBECONFIG, ~/.kube/config, service account)')
    .option('--context <name>', 'context of the kubeconfig (default: the current context)')
    .option('-n, --namespace <name>', "namespace (default: the context's)")
    .option('-c, --config <file>', 'configuration file (default: handover.config.* in this folder)')
    .option('--json', 'print JSON on standard output')

const service = "name of the Deployment (default: the configuration's only service)"

const rolling = (command: Command): Command =>
  withCluster(command)
    .option('--timeout <seconds>', 'stop waiting after this time (exit 4); the rollout continues', seconds)
    .option('--wait <state>', "wait for 'complete' (default) or 'drained' (old pods are gone)")
    .option('--no-wait', 'return at once; a failed rollout is not undone')
    .option('--fail-fast', 'fail at once on a missing image, node, quota or ConfigMap')

function addApply(kubernetes: Command): void {
  rolling(kubernetes.command('apply').argument('[config]', 'a configuration file'))
    .description('render and apply the services; waits for their rollouts')
    .option('--set <field=value>', 'image=… or replicas=…; with several services web.image=…', collect, [])
    .option('--no-undo', 'do not undo a failed rollout')
    .option('--force-conflicts', 'take over fields of other field managers')
    .option('--cause <text>', "reason, stored in the revision's annotations")
    .option('--dry-run', 'let the server check everything, change nothing')
    .action(async (config: string | undefined, options: ApplyOptions) => {
      process.exitCode = await (await import('../kubernetes/apply.js')).apply(config, options)
    })
}

function addRollouts(kubernetes: Command): void {
  rolling(kubernetes.command('upgrade').argument('[service]', service))
    .description('upgrade to another image; waits until the rollout is complete or rolled back')
    .requiredOption('--image <image>', 'the new image')
    .option('--container <name>', "container (default: the only one, or the one with the service's name)")
    .option('--cause <text>', "reason, stored in the revision's annotations")
    .option('--no-undo', 'do not undo a failed rollout')
    .option('--force-conflicts', 'change the image even if another field manager owns it')
    .action(async (name: string | undefined, options: UpgradeOptions) => {
      process.exitCode = await (await rollouts()).upgrade(name, options)
    })
  rolling(kubernetes.command('undo').argument('[service]', service))
    .description('roll back to the previous or a given revision')
    .option('--to-revision <number>', 'revision to roll back to', positiveInteger)
    .action(async (name: string | undefined, options: RollOptions & { toRevision?: number }) => {
      process.exitCode = await (await rollouts()).undo(name, options)
    })
  rolling(kubernetes.command('restart').argument('[service]', service))
    .description('replace every pod, with the same image and settings')
    .option('--no-undo', 'do not undo a failed rollout')
    .action(async (name: string | undefined, options: RollOptions) => {
      process.exitCode = await (await rollouts()).restart(name, options)
    })
}

function addSteering(kubernetes: Command): void {
  rolling(kubernetes.command('scale').argument('<service=replicas>', 'for example web=4'))
    .description('change the number of pods; waits until they are available')
    .action(async (assignment: string, options: RollOptions) => {
      process.exitCode = await (await rollouts()).scale(assignment, options)
    })
  for (const [name, text] of [
    ['pause', 'pause rollouts; scaling still works'],
    ['resume', 'resume a paused rollout'],
  ] as const)
    withCluster(kubernetes.command(name).argument('[service]', service))
      .description(text)
      .action(async (which: string | undefined, options: RollOptions) => {
        process.exitCode = await (await rollouts()).pause(which, options, name === 'pause')
      })
}

function addLooking(kubernetes: Command): void {
  withCluster(kubernetes.command('status').argument('[service]', service))
    .description('show pods, and what a rollout is waiting for')
    .option('-w, --watch', 'keep showing changes')
    .action(async (name: string | undefined, options: KubernetesOptions & { watch?: boolean }) =>
      (await looking()).status(name, options),
    )
  withCluster(kubernetes.command('history').argument('[service]', service))
    .description('show revisions with their images and causes')
    .action(async (name: string | undefined, options: KubernetesOptions) =>
      (await looking()).history(name, options),
    )
  withCluster(kubernetes.command('explain').argument('[service]', service))
    .description('explain what a rollout is waiting for')
    .action(async (name: string | undefined, options: KubernetesOptions) =>
      (await looking()).explain(name, options),
    )
}
