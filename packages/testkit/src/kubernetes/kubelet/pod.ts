import { setTimeout as later } from 'node:timers/promises'
import { patches } from '../client.js'
import { Container } from './container.js'
import { openSandbox } from './sandbox.js'
import type { Sandbox } from './sandbox.js'
import { statusOf } from './status.js'
import type { PodState } from './status.js'
import { now } from './types.js'
import type { KubeletContext, PodObject } from './types.js'

const retryMs = 100

/** A pod of this node, from its first sight to the end of its last process. */
export class Pod {
  readonly #context: KubeletContext
  readonly #state: PodState
  readonly #conditions: Parameters<typeof statusOf>[1] = new Map()
  #sandbox: Sandbox | null = null
  #ending: Promise<void> | null = null
  /** Nobody is told of it any more. */
  #forgotten = false
  #dirty = false
  #publishing: Promise<void> | null = null

  constructor(context: KubeletContext, pod: PodObject) {
    this.#context = context
    this.#state = {
      pod,
      ip: null,
      startTime: now(),
      init: [],
      containers: [],
      initialized: false,
      over: false,
    }
  }

  get object(): PodObject {
    return this.#state.pod
  }

  container(name: string): Container | undefined {
    return [...this.#state.containers, ...this.#state.init].find(({ spec }) => spec.name === name)
  }

  async run(): Promise<void> {
    const { pod } = this.#state
    const sandbox = await openSandbox(pod.metadata.name)
    this.#sandbox = sandbox
    this.#state.ip = sandbox.ip
    if (this.#ending !== null || this.#forgotten) return void (await sandbox.close())
    const create = (spec: PodObject['spec']['containers'][number]) =>
      new Container(this.#context, pod, spec, sandbox, () => this.#publish())
    this.#state.init = (pod.spec.initContainers ?? []).map(create)
    this.#state.containers = pod.spec.containers.map(create)
    this.#publish()
    const { restartPolicy } = pod.spec
    for (const container of this.#state.init) {
      const code = await container.run(restartPolicy === 'Never' ? 'Never' : 'OnFailure')
      if (this.#ending !== null || this.#forgotten) return
      if (code !== 0) return this.#over()
    }
    this.#state.initialized = true
    await Promise.all(this.#state.containers.map((container) => container.run(restartPolicy)))
    this.#over()
  }

  /** The API has a new version of it. */
  update(pod: PodObject): void {
    this.#state.pod = pod
    if (pod.metadata.deletionTimestamp !== undefined) this.#ending ??= this.#terminate()
  }

  /** The API does not know it any more, or the kubelet ends: nothing is waited for. */
  async kill(): Promise<void> {
    this.#forgotten = true
    await this.#stop(0)
    await this.#sandbox?.close()
  }

  async #terminate(): Promise<void> {
    const { metadata, spec } = this.#state.pod
    const grace = metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30
    for (const { spec: container, state } of this.#state.containers)
      if (state.type === 'running')
        this.#event('Normal', 'Killing', `Stopping container ${container.name}`, container.name)
    await this.#stop(grace)
    this.#state.over = true
    this.#publish()
    await this.#publishing
    await this.#delete()
    await this.#sandbox?.close()
  }

  async #stop(graceSeconds: number): Promise<void> {
    const all = [...this.#state.init, ...this.#state.containers]
    await Promise.all(all.map((container) => container.stop(graceSeconds)))
  }

  #over(): void {
    if (this.#ending !== null) return
    this.#state.over = true
    this.#publish()
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void {
    this.#context.events.record(this.#state.pod, type, reason, message, container)
  }

  /** The newest state reaches the API, whatever was in between; while the server is away it is tried again. */
  #publish(): void {
    this.#dirty = true
    this.#publishing ??= this.#publishUntilClean().finally(() => (this.#publishing = null))
  }

  async #publishUntilClean(): Promise<void> {
    while (this.#dirty && !this.#forgotten) {
      this.#dirty = false
      const { uid } = this.#state.pod.metadata
      const patch = { metadata: { uid }, status: statusOf(this.#state, this.#conditions) }
      const done = await this.#send('PATCH', `${this.#path}/status`, patch, patches.strategic)
      if (!done) this.#dirty = true
    }
  }

  async #delete(): Promise<void> {
    const { uid } = this.#state.pod.metadata
    const options = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid } }
    while (!this.#forgotten && !(await this.#send('DELETE', this.#path, options)));
  }

  get #path(): string {
    const { namespace = 'default', name } = this.#state.pod.metadata
    return `/api/v1/namespaces/${namespace}/pods/${name}`
  }

  /** False: not taken, try again. A pod that is gone, or has a successor of its name, is done with. */
  async #send(method: string, path: string, body: unknown, type?: string): Promise<boolean> {
    const answer = await this.#context.client.request(method, path, body, type).catch(() => null)
    if (answer !== null && (answer.status < 300 || answer.status === 404 || answer.status === 409))
      return true
    await later(retryMs)
    return false
  }
}
