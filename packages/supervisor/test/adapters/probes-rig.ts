import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { within, Changes } from '@handover/testkit'
import { openProber } from '../../dist/adapters/probes/index.js'
import type { ProbeHandler, ProbeSpec } from '../../dist/model/index.js'
import type { Listener, ProbeTarget } from '../../dist/ports.js'
import { defer, folderFor } from './rig.js'

export const fixtures = fileURLToPath(new URL('../../test/fixtures/probes/', import.meta.url))

export interface Request {
  path: string
  headers: Record<string, string>
}

export interface TestInstance {
  target: ProbeTarget
  /** The requests that it has reported so far. */
  requests: Request[]
  /** Resolves with its requests once it has reported that many. It answers first and reports then. */
  received(count: number): Promise<Request[]>
}

/** Starts a process group that has the listener as descriptor 3. `words` choose its behaviour. */
export async function startInstance(
  t: TestContext,
  listener: Listener,
  words: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<TestInstance> {
  const child = spawn(process.execPath, [`${fixtures}instance.mjs`, ...words], {
    detached: true,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'inherit', 'inherit', listener.fd, 'ipc'],
  })
  const pid = child.pid ?? assert.fail('no process')
  const requests: Request[] = []
  defer(t, async () => {
    const gone = once(child, 'exit')
    process.kill(-pid, 'SIGKILL')
    await gone
  })
  const listening = once(child, 'message')
  await within(listening, 'instance that listens')
  const events = new Changes()
  child.on('message', (message) => {
    requests.push(message as Request)
    events.changed()
  })
  const received = async (count: number) => {
    await events.until(
      () => requests.length >= count,
      () => `${count} requests, only ${requests.length}`,
      10,
    )
    return requests
  }
  const target = { instance: 'web-1', pid, listeners: [listener], probeDir: folderFor(t) }
  return { target, requests, received }
}

export interface Verdict {
  healthy: boolean
  reason: string
}

const defaults = {
  initialDelaySeconds: 0,
  periodSeconds: 10,
  timeoutSeconds: 5,
  successThreshold: 1,
  failureThreshold: 1,
}

export const probeOf = (handler: ProbeHandler, timing: Partial<ProbeSpec> = {}): ProbeSpec => ({
  ...defaults,
  ...timing,
  handler,
})

export const httpGet = (path = '/', port: string | number = 'http', more: object = {}): ProbeHandler => ({
  type: 'httpGet',
  path,
  port,
  scheme: 'HTTP',
  httpHeaders: [],
  ...more,
})

/** Resolves with the first verdict of a probe, and stops it. */
export async function ask(
  target: ProbeTarget,
  handler: ProbeHandler,
  timing: Partial<ProbeSpec> = {},
): Promise<Verdict> {
  let stop = () => {}
  const verdict = new Promise<Verdict>((resolve) => {
    stop = openProber().start(target, probeOf(handler, timing), (healthy, reason) =>
      resolve({ healthy, reason }),
    )
  })
  return within(verdict, 'verdict').finally(() => stop())
}
