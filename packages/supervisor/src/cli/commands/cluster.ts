import type { Command } from 'commander'
import type { ApplyOptions } from '../kubernetes/apply.js'
import type { KubernetesOptions } from '../kubernetes/reach.js'
import type { UpgradeOptions } from '../kubernetes/rollouts.js'
import type { RollOptions } from '../kubernetes/show.js'
import { collect } from './options.js'
import { positiveInteger, seconds } from './rollouts.js'

/** The commands of `kubernetes` that speak to a cluster. What they do, and the client they need, is loaded only then. */
export function addClusterCommands(kubernetes: Command): void {
  addApply(kubernetes)
  addRollouts(kubernetes)
  addSteering(kubernetes)
  addLooking(kubernetes)
}

const rollouts = () => import('../kubernetes/rollouts.js')
const looking = () => import('../kubernetes/look.js')

/** As kubectl has them. */
const withCluster = (command: Command): Command =>
  command
    .option('--kubeconfig <file>', 'kubeconfig (default: KUBECONFIG, ~/.kube/config, the service account)')
    .option('--context <name>', 'context of the kubeconfig (default: the current one)')
    .option('-n, --namespace <name>', "namespace (default: the context's)")
    .option('-c, --config <file>', 'configuration file (default: handover.config.* in this folder)')
    .option('--json', 'print JSON on standard output')

const service = "name of the Deployment (default: the configuration's only service)"

const rolling = (command: Command): Command =>
  withCluster(command)
    .option('--timeout <seconds>', 'give up waiting after this time (exit 4); the rollout goes on', seconds)
    .option('--wait <for>', "'complete' (default), or 'drained': the old pods are gone too")
    .option('--no-wait', 'return at once; then nothing undoes it')
    .option('--fail-fast', 'fail at once when an image, a place, a quota or a ConfigMap is missing')

function addApply(kubernetes: Command): void {
  rolling(kubernetes.command('apply').argument('[config]', 'a configuration file'))
    .description('render the services for the cluster, apply them, and watch what that rolls')
    .option('--set <field=value>', 'image=… or replicas=…; with several services web.image=…', collect, [])
    .option('--no-undo', 'leave a failed rollout as it is')
    .option('--force-conflicts', 'take over fields that other field managers have')
    .option('--cause <text>', 'why: the revision is annotated with it')
    .option('--dry-run', 'only let the server go through all of it')
    .action(async (config: string | undefined, options: ApplyOptions) => {
      process.exitCode = await (await import('../kubernetes/apply.js')).apply(config, options)
    })
}

function addRollouts(kubernetes: Command): void {
  rolling(kubernetes.command('upgrade').argument('[service]', service))
    .description('roll to another image; blocks until the rollout is complete or rolled back')
    .requiredOption('--image <image>', 'the image to roll to')
    .option('--container <name>', "the container (default: the only one, or the service's name)")
    .option('--cause <text>', 'why: the revision is annotated with it')
    .option('--no-undo', 'leave a failed rollout as it is')
    .option('--force-conflicts', 'also when another field manager applies the image')
    .action(async (name: string | undefined, options: UpgradeOptions) => {
      process.exitCode = await (await rollouts()).upgrade(name, options)
    })
  rolling(kubernetes.command('undo').argument('[service]', service))
    .description('roll back to the previous revision, or to a given one')
    .option('--to-revision <number>', 'the revision to go back to', positiveInteger)
    .action(async (name: string | undefined, options: RollOptions & { toRevision?: number }) => {
      process.exitCode = await (await rollouts()).undo(name, options)
    })
  rolling(kubernetes.command('restart').argument('[service]', service))
    .description('replace every pod by a new one of the same revision')
    .option('--no-undo', 'leave a failed rollout as it is')
    .action(async (name: string | undefined, options: RollOptions) => {
      process.exitCode = await (await rollouts()).restart(name, options)
    })
}

function addSteering(kubernetes: Command): void {
  rolling(kubernetes.command('scale').argument('<service=replicas>', 'for example web=4'))
    .description('change the number of pods; blocks until they are available')
    .action(async (assignment: string, options: RollOptions) => {
      process.exitCode = await (await rollouts()).scale(assignment, options)
    })
  for (const [name, text] of [
    ['pause', 'hold rollouts where they are; scaling still works'],
    ['resume', 'go on with a paused rollout'],
  ] as const)
    withCluster(kubernetes.command(name).argument('[service]', service))
      .description(text)
      .action(async (which: string | undefined, options: RollOptions) => {
        process.exitCode = await (await rollouts()).pause(which, options, name === 'pause')
      })
}

function addLooking(kubernetes: Command): void {
  withCluster(kubernetes.command('status').argument('[service]', service))
    .description('what runs, and what a rollout is waiting for')
    .option('-w, --watch', 'go on showing it as it changes')
    .action(async (name: string | undefined, options: KubernetesOptions & { watch?: boolean }) =>
      (await looking()).status(name, options),
    )
  withCluster(kubernetes.command('history').argument('[service]', service))
    .description('the revisions that are kept, with image and cause')
    .action(async (name: string | undefined, options: KubernetesOptions) =>
      (await looking()).history(name, options),
    )
  withCluster(kubernetes.command('explain').argument('[service]', service))
    .description('why it is still waiting, in plain sentences')
    .action(async (name: string | undefined, options: KubernetesOptions) =>
      (await looking()).explain(name, options),
    )
}
