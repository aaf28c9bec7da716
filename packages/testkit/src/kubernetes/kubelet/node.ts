import type { Client } from '../client.js'
import { patches } from '../client.js'
import { addresses } from '../network.js'
import { kubeletPort } from './logs.js'

const heartbeatMs = 5_000
const resources = { cpu: '8', memory: '16Gi', pods: '110', 'ephemeral-storage': '100Gi' }

/** Registers the node and says every few seconds that it lives; a server that is away is tried at the next beat. */
export async function registerNode(client: Client, name: string): Promise<{ close(): void }> {
  const labels = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'topology.kubernetes.io/zone': 'zone-a',
  }
  await client.create('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } })
  const started = microseconds()
  async function beat(): Promise<void> {
    const time = microseconds().replace(/\.\d+Z/, 'Z')
    const condition = (type: string, status: string, reason: string) => ({
      ...{ type, status, reason, message: '', lastHeartbeatTime: time },
      lastTransitionTime: started.replace(/\.\d+Z/, 'Z'),
    })
    const status = {
      capacity: resources,
      allocatable: resources,
      conditions: [
        condition('Ready', 'True', 'KubeletReady'),
        condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory'),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure'),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID'),
      ],
      addresses: [
        { type: 'InternalIP', address: addresses.host },
        { type: 'Hostname', address: name },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
      nodeInfo: nodeInfo(name),
    }
    await client.request('PATCH', `/api/v1/nodes/${name}/status`, { status }, patches.strategic)
    await client.request(
      'PATCH',
      `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}?fieldManager=kubelet&force=true`,
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name },
        spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: microseconds() },
      },
      patches.apply,
    )
  }
  await beat()
  const timer = setInterval(() => void beat().catch(() => {}), heartbeatMs)
  return { close: () => clearInterval(timer) }
}

const microseconds = () => new Date().toISOString().replace('Z', '000Z')

const nodeInfo = (name: string) => ({
  ...{ machineID: name, systemUUID: name, bootID: name, kernelVersion: '', osImage: 'stand-in' },
  ...{ containerRuntimeVersion: 'stand-in://1', kubeletVersion: 'v1.20.2', kubeProxyVersion: 'v1.20.2' },
  ...{ operatingSystem: 'linux', architecture: 'amd64' },
})
