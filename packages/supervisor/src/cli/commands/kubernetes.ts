import { Option } from 'commander'
import type { Command } from 'commander'
import {
  defaultVersion,
  kubernetesObjects,
  parseVersion,
  rolesOf,
  showVersion,
} from '../../kubernetes/render/index.js'
import type { KubernetesVersion, Rendered } from '../../kubernetes/render/index.js'
import { addClusterCommands } from './cluster.js'
import { withCommonOptions } from '../context.js'
import { CommandExit, valueOf } from '../exit.js'
import { exitCodes } from '../../control/api.js'
import type { OrderOptions } from '../kubernetes/read-order.js'
import { readOrder } from '../kubernetes/read-order.js'
import { collect } from './options.js'
import { print, printJson, say } from '../output/talk.js'

interface RenderOptions extends OrderOptions {
  kubernetesVersion: KubernetesVersion
  output: string
  dir?: string
  rbac?: boolean
}

/** `kubernetes`: renders the services as manifests, and rolls them out in a cluster. */
export function addKubernetesCommand(program: Command): void {
  const group = program
    .command('kubernetes')
    .description('render manifests, apply them, and run rollouts in a cluster')
    .showHelpAfterError("('handover kubernetes --help' lists the commands)")
  addRenderCommand(group)
  addClusterCommands(group)
}

/** Options of every command that renders manifests. */
export const withOrderOptions = (command: Command): Command =>
  withCommonOptions(command)
    .option('--set <field=value>', 'image=… or replicas=…; with several services web.image=…', collect, [])
    .option('--namespace <name>', 'namespace of the objects (default: from the configuration)')

function addRenderCommand(group: Command): void {
  withOrderOptions(group.command('render').argument('[config]', 'a configuration file'))
    .description('print Kubernetes manifests of the services')
    .addOption(
      new Option('--kubernetes-version <version>', 'version of the cluster')
        .argParser((text) => valueOf(parseVersion(text)))
        .default(defaultVersion, showVersion(defaultVersion)),
    )
    .option('-o, --output <format>', 'yaml, json or kustomize (needs --dir)', 'yaml')
    .option('--dir <folder>', 'folder for the kustomize files')
    .option('--rbac', 'print the permissions to apply and upgrade: ServiceAccount, Role and RoleBinding')
    .action((config: string | undefined, options: RenderOptions) => render(config, options))
}

async function render(config: string | undefined, options: RenderOptions): Promise<void> {
  const format = options.json === true ? 'json' : options.output
  const write = writers[format]
  if (write === undefined)
    throw usage(`--output is "${format}", wanted one of ${Object.keys(writers).join(', ')}`)
  if ((format === 'kustomize') !== (options.dir !== undefined))
    throw usage(
      options.dir === undefined
        ? '--output is "kustomize", wanted a folder for its files: --dir FOLDER'
        : `--dir is "${options.dir}", wanted --output kustomize with it`,
    )
  const order = await readOrder(config, options, options.kubernetesVersion)
  const rendered = valueOf(kubernetesObjects(order))
  const shown = options.rbac === true ? rolesOf(order, rendered.objects) : rendered
  if (options.rbac !== true) for (const note of rendered.notes) say(`note: ${note}`)
  await write(shown, options.dir ?? '.')
}

const usage = (message: string): CommandExit => new CommandExit(exitCodes.usage, message)

type Shown = Pick<Rendered, 'objects' | 'comments'>

/** The YAML library is loaded on demand. */
const writers: Record<string, (shown: Shown, folder: string) => void | Promise<void>> = {
  async yaml(shown) {
    const { toYaml } = await import('../kubernetes/to-yaml.js')
    print(toYaml(shown).trimEnd())
  },
  json: ({ objects }) => printJson({ apiVersion: 'v1', kind: 'List', items: objects }),
  async kustomize(shown, folder) {
    const { writeBase } = await import('../kubernetes/kustomize.js')
    for (const file of valueOf(writeBase(shown, folder))) say(`wrote ${file}`)
  },
}
