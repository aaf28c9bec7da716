import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificates } from '../certificates.js'
import type { Client } from '../client.js'
import { follow } from '../follow.js'
import { openRecorder } from './events.js'
import { openLogServer } from './logs.js'
import { registerNode } from './node.js'
import { Pod } from './pod.js'
import type { Image, KubeletContext, PodObject } from './types.js'

export type { Image } from './types.js'

export interface KubeletOptions {
  client: Client
  certificates: Certificates
  /** A folder for what it keeps. */
  folder: string
  images: Map<string, Image>
  /** Default 10, as kubelet's. */
  backoffSeconds?: number
}

const node = 'node'

/**
 * A stand-in for kubelet: a node whose pods are processes of this machine, each in its own network, with the probes,
 * hooks, signals, grace periods, restarts and statuses of the real one. It mounts no volumes, keeps no limits, and
 * leaves securityContext alone. Everything that it runs ends with the process that called this.
 */
export async function startKubelet(options: KubeletOptions): Promise<{ close(): Promise<void> }> {
  const { client, certificates, images, backoffSeconds = 10 } = options
  const folder = join(options.folder, 'pods')
  mkdirSync(folder)
  const events = openRecorder(client, node)
  const context: KubeletContext = { client, node, folder, images, events, backoffSeconds }
  const pods = new Map<string, Pod>()
  const logs = await openLogServer(certificates, (namespace, name, container) =>
    [...pods.values()]
      .find(({ object: { metadata } }) => metadata.namespace === namespace && metadata.name === name)
      ?.container(container),
  )
  const heart = await registerNode(client, node)
  const done = new AbortController()
  const following = follow(
    client,
    '/api/v1/pods',
    (change, object) => {
      const { uid = '' } = object.metadata
      const known = pods.get(uid)
      if (change === 'deleted') {
        pods.delete(uid)
        void known?.kill()
      } else if (known) {
        known.update(object as PodObject)
      } else {
        const pod = new Pod(context, object as PodObject)
        pods.set(uid, pod)
        pod.update(object as PodObject)
        void pod.run()
      }
    },
    { signal: done.signal, query: `fieldSelector=spec.nodeName=${node}` },
  )
  return {
    async close() {
      done.abort()
      heart.close()
      await following
      await Promise.all([...pods.values()].map((pod) => pod.kill()))
      await logs.close()
    },
  }
}
