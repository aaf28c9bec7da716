import { join } from 'node:path'
import type { Certificates } from './certificates.js'
import type { Client } from './client.js'
import { until } from '../until.js'
import { addresses } from './network.js'
import { start } from './programs.js'
import type { Program } from './programs.js'

/** etcd, API server, controller manager and scheduler: the real ones. */
export interface ControlPlane {
  /** Kills the API server; everything else keeps running. */
  killServer(): Promise<void>
  /** Starts it again and waits until it says that it is ready. */
  startServer(): Promise<void>
  close(): Promise<void>
}

export interface ControlPlaneOptions {
  /** The folder that scripts/kubernetes/build.sh printed. */
  programs: string
  folder: string
  certificates: Certificates
  /** Of the cluster's administrator, whom the controllers act as. */
  kubeconfig: string
  /** CSV as of --token-auth-file. */
  tokens: string
  client: Client
}

export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { programs, folder, kubeconfig, certificates, client } = options
  const program = (name: string, args: string[]) =>
    start([name.startsWith('kube-') ? join(programs, name) : name, ...args], join(folder, `${name}.log`))
  const etcd = program('etcd', [
    `--data-dir=${join(folder, 'etcd')}`,
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    // Nothing here outlives the test.
    '--unsafe-no-fsync',
  ])
  let server = program('kube-apiserver', serverArguments(options))
  const others: Program[] = [etcd]

  const close = async () => {
    await Promise.all([...others, server].map((each) => each.stop()))
  }
  async function serverReady(): Promise<void> {
    let ended: string | null = null
    void server.ended.then(({ code, signal }) => (ended = String(signal ?? code)))
    // The server tells nobody that it is ready.
    await until(
      async () => {
        if (ended !== null) throw new Error(`the API server ended (${ended}): ${folder}/kube-apiserver.log`)
        return (await client.request('GET', '/readyz').catch(() => null))?.status === 200
      },
      'the API server is ready',
      90,
    )
  }
  try {
    await serverReady()
    const account = `--service-account-private-key-file=${certificates.accountKey}`
    const authority = `--root-ca-file=${certificates.authority}`
    const common = [`--kubeconfig=${kubeconfig}`, '--leader-elect=false']
    others.push(program('kube-controller-manager', [...common, account, authority]))
    others.push(program('kube-scheduler', common))
  } catch (error) {
    await close()
    throw error
  }
  return {
    killServer: () => server.stop(),
    async startServer() {
      server = program('kube-apiserver', serverArguments(options))
      await serverReady()
    },
    close,
  }
}

function serverArguments({ certificates, tokens }: ControlPlaneOptions): string[] {
  const { authority, server, accountKey } = certificates
  return [
    '--etcd-servers=http://127.0.0.1:2379',
    '--bind-address=0.0.0.0',
    // The port of the cluster address too: pods reach the API as they do anywhere.
    '--secure-port=443',
    `--advertise-address=${addresses.host}`,
    `--service-cluster-ip-range=${addresses.services}`,
    `--tls-cert-file=${server.certificate}`,
    `--tls-private-key-file=${server.key}`,
    `--client-ca-file=${authority}`,
    `--token-auth-file=${tokens}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-signing-key-file=${accountKey}`,
    `--service-account-key-file=${accountKey}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--kubelet-client-certificate=${server.certificate}`,
    `--kubelet-client-key=${server.key}`,
    `--kubelet-certificate-authority=${authority}`,
    // The stand-in kubelet mounts no volumes, so a pod would get no token anyway.
    '--disable-admission-plugins=ServiceAccount',
  ]
}
