import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import type { KubeConfig, User } from '@kubernetes/client-node'
import { parse } from 'yaml'
import type { Result } from '../../model/index.js'
import { failed, ok } from '../../model/index.js'

export interface KubeOptions {
  kubeconfig?: string
  context?: string
  namespace?: string
}

export interface Connection {
  config: KubeConfig
  server: string
  context: string
  namespace: string
}

const anonymous = 'anonymous'
const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Finds the cluster as kubectl does: in --kubeconfig, else in the files of KUBECONFIG (the first that names an entry
 * wins, missing files are skipped), else in ~/.kube/config, else with the service account of this pod. Fails with
 * `Usage`.
 */
export async function connection(options: KubeOptions, env: NodeJS.ProcessEnv): Promise<Result<Connection>> {
  const files = filesOf(options, env)
  if (!files.ok) return files
  // The client takes longer to load than the rest of the command: what can be refused without it is refused before.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const create = () => new KubeConfig()
  const config = files.value.length === 0 ? ok(inCluster(create)) : merged(files.value, create)
  return config.ok ? chosen(config.value, options, files.value) : config
}

/** Empty for the service account of this pod. */
function filesOf({ kubeconfig }: KubeOptions, env: NodeJS.ProcessEnv): Result<string[]> {
  if (kubeconfig !== undefined)
    return isFile(kubeconfig)
      ? ok([resolve(kubeconfig)])
      : failed('Usage', `--kubeconfig is "${kubeconfig}", wanted a kubeconfig file that exists`)
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '')
  if (listed.length > 0) {
    const there = listed.filter(isFile)
    return there.length > 0
      ? ok(there.map((file) => resolve(file)))
      : failed('Usage', `KUBECONFIG is "${env.KUBECONFIG}", wanted at least one file that exists`)
  }
  const own = join(env.HOME ?? homedir(), '.kube', 'config')
  if (isFile(own)) return ok([own])
  return env.KUBERNETES_SERVICE_HOST && existsSync(`${serviceAccount}/token`)
    ? ok([])
    : failed(
        'Usage',
        'there is no kubeconfig, wanted one from --kubeconfig, KUBECONFIG, ~/.kube/config or the service account of a pod',
      )
}

const isFile = (path: string): boolean => existsSync(path) && !statSync(path).isDirectory()

function inCluster(create: () => KubeConfig): KubeConfig {
  const config = create()
  config.loadFromCluster()
  return config
}

/** Merges files as kubectl does: the first entry with a name wins. The client's own merge refuses duplicates. */
function merged(files: string[], create: () => KubeConfig): Result<KubeConfig> {
  const whole = create()
  let current = ''
  for (const file of files) {
    const read = readOne(file, create())
    if (!read.ok) return read
    const one = read.value
    whole.clusters.push(...unknownIn(whole.clusters, one.clusters))
    whole.users.push(...unknownIn(whole.users, one.users))
    whole.contexts.push(...unknownIn(whole.contexts, one.contexts))
    current ||= one.currentContext ?? ''
  }
  whole.currentContext = current
  return ok(whole)
}

const unknownIn = <T extends { name: string }>(known: T[], more: T[]): T[] =>
  more.filter(({ name }) => !known.some((one) => one.name === name))

function readOne(file: string, config: KubeConfig): Result<KubeConfig> {
  try {
    config.loadFromFile(file)
    config.users = withTokenFiles(config.users, file)
  } catch (error) {
    const [line] = (error as Error).message.split('\n')
    return failed('Usage', `kubeconfig "${file}" cannot be read: ${line}`)
  }
  return ok(config)
}

/** Translates `tokenFile` of a user, which the client only knows under another name. */
function withTokenFiles(users: User[], file: string): User[] {
  const raw = parse(readFileSync(file, 'utf8')) as {
    users?: { name?: string; user?: { tokenFile?: string } }[]
  }
  return users.map((user) => {
    const path = raw.users?.find(({ name }) => name === user.name)?.user?.tokenFile
    if (path === undefined) return user
    const tokenFile = resolve(dirname(file), path)
    return { ...user, token: undefined, authProvider: { name: 'tokenFile', config: { tokenFile } } }
  })
}

function chosen(config: KubeConfig, options: KubeOptions, files: string[]): Result<Connection> {
  const where = files.map((file) => `"${file}"`).join(', ') || 'the service account'
  const name = options.context ?? config.currentContext
  const known = config.contexts.map((context) => `"${context.name}"`).join(', ') || 'none'
  if (!name)
    return failed('Usage', `${where} names no current context, wanted --context with one of ${known}`)
  const context = config.getContextObject(name)
  if (!context) return failed('Usage', `the context is "${name}", wanted one of ${known} in ${where}`)
  config.setCurrentContext(name)
  const cluster = config.getCurrentCluster()
  if (!cluster)
    return failed(
      'Usage',
      `context "${name}" names the cluster "${context.cluster}", which is not in ${where}`,
    )
  if (!config.getCurrentUser()) {
    if (context.user)
      return failed('Usage', `context "${name}" names the user "${context.user}", which is not in ${where}`)
    // The server sees system:anonymous. Without any user the client would leave out the CA certificates.
    config.users.push({ name: anonymous })
    config.contexts = config.contexts.map((one) => (one === context ? { ...one, user: anonymous } : one))
  }
  if (cluster.server.startsWith('http:')) Object.assign(cluster, { skipTLSVerify: true })
  const namespace = options.namespace ?? (context.namespace || 'default')
  return ok({ config, server: cluster.server, context: name, namespace })
}
