import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from './certificates.js'
import { openClient } from './client.js'
import type { Client, KubernetesObject } from './client.js'
import { startControlPlane } from './control-plane.js'
import type { ControlPlane } from './control-plane.js'
import { followService } from './endpoints.js'
import type { ServiceProxy } from './endpoints.js'
import { follow, until, untilAll } from './follow.js'
import type { Change } from './follow.js'
import { startKubelet } from './kubelet/index.js'
import type { Image } from './kubelet/index.js'
import { addresses, enterNetwork } from './network.js'

/** The folder that scripts/kubernetes/build.sh printed; `npm run test:kubernetes` sets it. */
const programs = process.env['HANDOVER_KUBERNETES']
/** `admin` may do everything; `restricted` nothing but what a test's Role gives it. */
export type User = 'admin' | 'restricted'
const users: User[] = ['admin', 'restricted']

/** The real control plane, one node, and the ways to it. See packages/testkit/README.md. */
export interface Cluster {
  /** A temporary folder; `close` removes it. Logs of the parts are in it. */
  folder: string
  /** The API as the administrator. */
  client: Client
  /** What image names stand for; may be changed at any time. */
  images: Map<string, Image>
  server: string
  /** A kubeconfig file for kubectl and `handover kubernetes`, with `default` as namespace unless another is named. */
  kubeconfig(user?: User, namespace?: string): string
  clientOf(user: User): Client
  until(
    path: string,
    wanted: (object: KubernetesObject | null) => boolean,
    seconds?: number,
  ): Promise<KubernetesObject | null>
  /** Tells of all objects of a collection and their changes, until it is closed. */
  follow(
    collection: string,
    onChange: (change: Change, object: KubernetesObject) => void,
    query?: string,
  ): { close(): Promise<void> }
  untilAll(
    collection: string,
    wanted: (objects: KubernetesObject[]) => boolean,
    options?: Parameters<typeof untilAll>[3],
  ): Promise<KubernetesObject[]>
  /** Where kube-proxy would send a new connection to the Service. */
  proxy(namespace: string, service: string, options?: Parameters<typeof followService>[3]): ServiceProxy
  killServer: ControlPlane['killServer']
  startServer: ControlPlane['startServer']
  close(): Promise<void>
}

/** Why there can be no cluster here; null where there can. */
export function clusterUnavailable(): string | null {
  if (programs === undefined)
    return 'HANDOVER_KUBERNETES names no control plane: npm run test:kubernetes builds one'
  if (!existsSync(join(programs, 'kube-apiserver'))) return `there is no control plane in "${programs}"`
  if (process.getuid?.() !== 0) return 'only root may make networks of its own'
  const path = (process.env['PATH'] ?? '').split(':')
  const missing = ['etcd', 'openssl', 'ip', 'nsenter', 'unshare', 'setpriv'].filter(
    (program) => !path.some((folder) => existsSync(join(folder, program))),
  )
  return missing.length === 0 ? null : `${missing.join(', ')}: not installed`
}

/**
 * Moves this process into a network of its own (see `enterNetwork`) and starts a cluster there: once at a time.
 * Ready in about ten seconds. `close` ends all of it and moves the process back.
 */
export async function openCluster({
  images = {},
  backoffSeconds,
}: { images?: Record<string, Image>; backoffSeconds?: number } = {}): Promise<Cluster> {
  const leaveNetwork = await enterNetwork()
  removeOrphans()
  const folder = mkdtempSync(join(tmpdir(), `${folderPrefix}${process.pid}-`))
  const closers: (() => unknown)[] = [leaveNetwork, () => rmSync(folder, { recursive: true, force: true })]
  let closed: Promise<void> | null = null
  const close = () => (closed ??= closeAll(closers))
  try {
    const certificates = await makeCertificates(folder)
    const server = `https://${addresses.host}`
    const { authorityPem } = certificates
    const clients = users.map((user) => openClient({ server, authorityPem, token: tokenOf(user) }))
    closers.push(() => clients.forEach((each) => each.close()))
    const [client] = clients as [Client]
    const kubeconfig = (user: User = 'admin', namespace = 'default') => {
      const path = join(folder, `kubeconfig-${user}-${namespace}`)
      writeFileSync(path, kubeconfigOf(server, authorityPem, user, namespace), { mode: 0o600 })
      return path
    }
    const tokens = join(folder, 'tokens.csv')
    writeFileSync(tokens, users.map(tokenLine).join(''))
    const part = { programs: programs ?? '', folder, certificates, kubeconfig: kubeconfig(), tokens, client }
    const plane = await startControlPlane(part)
    closers.push(plane.close)
    const imageMap = new Map(Object.entries(images))
    const backoff = backoffSeconds === undefined ? {} : { backoffSeconds }
    const kubelet = await startKubelet({ client, certificates, folder, images: imageMap, ...backoff })
    closers.push(kubelet.close)
    return {
      folder,
      client,
      images: imageMap,
      server,
      kubeconfig,
      clientOf: (user) => clients[users.indexOf(user)] ?? client,
      until: (path, wanted, seconds) => until(client, path, wanted, seconds),
      follow: (collection, onChange, query) => following(client, collection, onChange, query),
      untilAll: (collection, wanted, options) => untilAll(client, collection, wanted, options),
      proxy: (namespace, service, options) => followService(client, namespace, service, options),
      killServer: plane.killServer,
      startServer: plane.startServer,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function following(
  client: Client,
  collection: string,
  onChange: (change: Change, object: KubernetesObject) => void,
  query = '',
): { close(): Promise<void> } {
  const done = new AbortController()
  const ended = follow(client, collection, onChange, { signal: done.signal, query })
  return {
    close() {
      done.abort()
      return ended
    },
  }
}

const folderPrefix = 'handover-cluster-'

/** Processes and networks end with the test that had them, however it ended; its folder does not. */
function removeOrphans(): void {
  for (const name of readdirSync(tmpdir())) {
    const [pid] = name.startsWith(folderPrefix) ? name.slice(folderPrefix.length).split('-') : []
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

/** The last opened first. */
async function closeAll(closers: (() => unknown)[]): Promise<void> {
  for (const close of closers.reverse()) await close()
}

const tokenOf = (user: User) => `token-of-${user}`

const tokenLine = (user: User) =>
  `${tokenOf(user)},${user},${user}${user === 'admin' ? ',"system:masters"' : ''}\n`

/** JSON is YAML. */
const kubeconfigOf = (server: string, authorityPem: string, user: User, namespace: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        cluster: { server, 'certificate-authority-data': Buffer.from(authorityPem).toString('base64') },
      },
    ],
    users: [{ name: user, user: { token: tokenOf(user) } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user, namespace } }],
    'current-context': 'test',
  })
