import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as later } from 'node:timers/promises'
import { ConfigError, environmentOf } from './environment.js'
import { carryOut, watchProbe } from './probe.js'
import type { ProbeTarget } from './probe.js'
import { startProcess } from './process.js'
import type { ContainerProcess } from './process.js'
import type { Sandbox } from './sandbox.js'
import { now } from './types.js'
import type { ContainerSpec, Image, KubeletContext, PodObject } from './types.js'

/**
 *     waiting ──► running ──► terminated ─┬─► (the pod's end)
 *        ▲                                │
 *        └── after a backoff, as restartPolicy says ◄┘
 */
export type ContainerState =
  | { type: 'waiting'; reason: string; message: string }
  | { type: 'running'; startedAt: string }
  | { type: 'terminated'; exitCode: number; reason: string; startedAt: string; finishedAt: string }

const maxBackoffSeconds = 300
/** A hook that took all of the grace period leaves the process this long all the same, as kubelet does. */
const minimumGraceSeconds = 2

/** One container of a pod, over all its restarts. */
export class Container {
  readonly spec: ContainerSpec
  state: ContainerState = { type: 'waiting', reason: 'ContainerCreating', message: '' }
  lastState: ContainerState | null = null
  restartCount = 0
  ready = false
  started = false
  readonly #context: KubeletContext
  readonly #pod: PodObject
  readonly #sandbox: Sandbox
  readonly #changed: () => void
  readonly #stopping = new AbortController()
  #process: ContainerProcess | null = null
  #backoffs = 0

  constructor(
    context: KubeletContext,
    pod: PodObject,
    spec: ContainerSpec,
    sandbox: Sandbox,
    changed: () => void,
  ) {
    this.#context = context
    this.#pod = pod
    this.spec = spec
    this.#sandbox = sandbox
    this.#changed = changed
  }

  get image(): Image | undefined {
    return this.#context.images.get(this.spec.image)
  }

  logFile(restart = this.restartCount): string {
    return join(this.#context.folder, `${this.#pod.metadata.uid}_${this.spec.name}_${restart}.log`)
  }

  /** Runs it, again and again as `restart` says; resolves with the last exit code when it is over. */
  async run(restart: 'Always' | 'OnFailure' | 'Never'): Promise<number> {
    for (;;) {
      const exitCode = await this.#runOnce()
      if (this.#stopping.signal.aborted) return exitCode ?? 0
      if (exitCode !== null) {
        if (restart === 'Never' || (restart === 'OnFailure' && exitCode === 0)) return exitCode
        // The first restart is at once.
        if (this.restartCount > 0) await this.#backOff('CrashLoopBackOff', 'restarting failed container')
        if (this.#stopping.signal.aborted) return exitCode
        this.lastState = this.state
        this.restartCount++
      }
    }
  }

  /** preStop, SIGTERM, and SIGKILL when the grace period is over; resolves when it has ended. */
  async stop(graceSeconds: number): Promise<void> {
    this.#stopping.abort()
    await this.#end(graceSeconds)
  }

  /** Once: null where it could not be started, and is to be tried again. */
  async #runOnce(): Promise<number | null> {
    const plan = await this.#plan()
    if (plan === null || this.#stopping.signal.aborted) return null
    const process = startProcess(this.#sandbox, plan)
    const startedAt = now()
    this.#process = process
    this.#event('Normal', 'Started', `Started container ${this.spec.name}`)
    this.#become({ type: 'running', startedAt })
    const probing = new AbortController()
    void this.#probe({ ip: this.#sandbox.ip, container: this.spec, process }, probing.signal)
    const { exitCode } = await process.ended
    probing.abort()
    this.#process = null
    this.ready = this.started = false
    const reason = exitCode === 0 ? 'Completed' : 'Error'
    this.#become({ type: 'terminated', exitCode, reason, startedAt, finishedAt: now() })
    return exitCode
  }

  async #plan(): Promise<Parameters<typeof startProcess>[1] | null> {
    const { image, spec } = this
    if (image === undefined) {
      const why = `rpc error: code = Unknown desc = Error response from daemon: manifest for ${spec.image} not found`
      const message = `Failed to pull image "${spec.image}": ${why}`
      this.#event('Warning', 'Failed', message)
      this.#event('Warning', 'Failed', 'Error: ErrImagePull')
      this.#become({ type: 'waiting', reason: 'ErrImagePull', message: why })
      await later(1_000, undefined, { signal: this.#stopping.signal }).catch(() => {})
      await this.#backOff('ImagePullBackOff', `pulling image "${spec.image}"`)
      return null
    }
    const workingDir = spec.workingDir ?? image.workingDir ?? '/'
    const command = [...(spec.command ?? image.entrypoint ?? [])]
    command.push(...(spec.args ?? (spec.command ? [] : (image.cmd ?? []))))
    try {
      if (command.length === 0) throw new ConfigError('no command specified')
      if (!existsSync(workingDir)) throw new ConfigError(`working directory "${workingDir}" does not exist`)
      const env = await environmentOf(this.#context.client, this.#pod, spec, image, this.#sandbox.ip)
      return { command, workingDir, env, log: this.logFile() }
    } catch (error) {
      // Not only references that lead nowhere: the server may be away. Both are tried again.
      const { message } = error as Error
      if (error instanceof ConfigError) {
        this.#become({ type: 'waiting', reason: 'CreateContainerConfigError', message })
        this.#event('Warning', 'Failed', `Error: ${message}`)
      }
      await later(1_000, undefined, { signal: this.#stopping.signal }).catch(() => {})
      return null
    }
  }

  async #probe(target: ProbeTarget, signal: AbortSignal): Promise<void> {
    const { startupProbe, livenessProbe, readinessProbe } = this.spec
    const unhealthy = (kind: string) => (message: string) =>
      this.#event('Warning', 'Unhealthy', `${kind} probe failed: ${message}`)
    const restartOn = (kind: string) => ({
      failure: unhealthy(kind),
      outcome: (ok: boolean) => {
        if (!ok) void this.#kill(`failed ${kind.toLowerCase()} probe`)
      },
    })
    if (startupProbe) {
      const passed = new AbortController()
      await watchProbe(startupProbe, target, AbortSignal.any([signal, passed.signal]), {
        ...restartOn('Startup'),
        outcome: (ok) => (ok ? passed.abort() : void this.#kill('failed startup probe')),
      })
      if (signal.aborted) return
    }
    this.started = true
    this.ready = readinessProbe === undefined
    this.#changed()
    if (livenessProbe) void watchProbe(livenessProbe, target, signal, restartOn('Liveness'))
    if (!readinessProbe) return
    await watchProbe(readinessProbe, target, signal, {
      failure: unhealthy('Readiness'),
      outcome: (ok) => {
        this.ready = ok
        this.#changed()
      },
    })
  }

  async #kill(why: string): Promise<void> {
    this.#event('Normal', 'Killing', `Container ${this.spec.name} ${why}, will be restarted`)
    await this.#end(this.#pod.spec.terminationGracePeriodSeconds ?? 30)
  }

  async #end(graceSeconds: number): Promise<void> {
    const process = this.#process
    if (process === null) return
    const deadline = performance.now() + graceSeconds * 1000
    const left = () => deadline - performance.now()
    const preStop = this.spec.lifecycle?.preStop
    if (preStop && graceSeconds > 0) await this.#hook(preStop, process, graceSeconds)
    if (graceSeconds > 0) await process.signal('SIGTERM')
    const grace = graceSeconds > 0 ? Math.max(left(), minimumGraceSeconds * 1000) : 0
    const over = new AbortController()
    const killed = later(grace, undefined, { signal: over.signal }).then(
      () => process.signal('SIGKILL'),
      () => {},
    )
    await process.ended
    over.abort()
    await killed
  }

  async #hook(
    preStop: NonNullable<NonNullable<ContainerSpec['lifecycle']>['preStop']>,
    process: ContainerProcess,
    seconds: number,
  ): Promise<void> {
    const target = { ip: this.#sandbox.ip, container: this.spec, process }
    if (preStop.sleep) {
      const limit = Math.min(preStop.sleep.seconds, seconds)
      await Promise.race([later(limit * 1000), process.ended])
      return
    }
    const { ok, message } = await carryOut(preStop, target, seconds)
    if (!ok) this.#event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${message}`)
  }

  async #backOff(reason: string, what: string): Promise<void> {
    const seconds = Math.min(this.#context.backoffSeconds * 2 ** this.#backoffs++, maxBackoffSeconds)
    this.lastState = this.state.type === 'terminated' ? this.state : this.lastState
    this.#become({ type: 'waiting', reason, message: `back-off ${seconds}s ${what}` })
    this.#event('Warning', 'BackOff', `Back-off ${what}`)
    await later(seconds * 1000, undefined, { signal: this.#stopping.signal }).catch(() => {})
  }

  #become(state: ContainerState): void {
    this.state = state
    this.#changed()
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#context.events.record(this.#pod, type, reason, message, this.spec.name)
  }
}
