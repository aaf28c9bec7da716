import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Changes, specOf } from '@handover/testkit'
import type { TestContext } from 'node:test'
import type {
  ConnectionAccount,
  Exit,
  ListenerSpec,
  Revision,
  SeenConnections,
  ServiceSpec,
} from '../../dist/model/index.js'
import type { InstanceProgress, ProcessObserver, Sockets, Listener } from '../../dist/ports.js'

export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../test/adapters/fixtures/${name}`, import.meta.url))

const deferred = new WeakMap<TestContext, (() => unknown)[]>()

/** Runs after the test. The last one deferred runs first, unlike with `after` of node:test. */
export function defer(t: TestContext, undo: () => unknown): void {
  const undos = deferred.get(t) ?? []
  if (undos.push(undo) > 1) return
  deferred.set(t, undos)
  t.after(async () => {
    for (const last of undos.reverse()) await last()
  })
}

/** Creates a folder for the test. Its path is short, because of the limit for unix sockets. */
export function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'ho-'))
  defer(t, () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function listenFor(t: TestContext, sockets: Sockets, name: string, spec: ListenerSpec): Listener {
  const result = sockets.listen(name, spec)
  if (!result.ok) throw new Error(result.failure.message)
  defer(t, () => sockets.close(result.value))
  return result.value
}

export const anyTcpPort: Extract<ListenerSpec, { type: 'tcp' }> = {
  type: 'tcp',
  host: '127.0.0.1',
  port: 0,
  backlog: 511,
}

export const commandSpec = (command: string[], changes: Partial<ServiceSpec> = {}): ServiceSpec =>
  specOf({ command, cwd: '/', replicas: 1, register: false, ...changes })

export const revisionOf = (spec: ServiceSpec): Revision => ({
  number: 7,
  spec,
  release: spec.cwd,
  createdAt: 0,
  cause: 'start',
})

export type Observation =
  | { type: 'ready' }
  | { type: 'status'; text: string }
  | { type: 'unhealthy'; reason: string }
  | { type: 'account'; account: ConnectionAccount }
  | { type: 'stoppedAccepting' }
  | { type: 'signalled'; connections: SeenConnections }
  | { type: 'progress'; progress: InstanceProgress }
  | { type: 'accepting'; accepting: boolean }
  | { type: 'executed' }
  | { type: 'execFailed'; message: string; refused: boolean }
  | { type: 'drained'; account: ConnectionAccount; cut: string[] }
  | { type: 'exited'; exit: Exit; output: string[] }

/** Records the calls of an observer. `until` waits for one of a type, and fails after ten seconds. */
export function recorder(): {
  observer: ProcessObserver
  observed: Observation[]
  until: <T extends Observation['type']>(type: T) => Promise<Extract<Observation, { type: T }>>
  untilStatus: (text: string) => Promise<unknown>
} {
  const observed: Observation[] = []
  const events = new Changes()
  const record = (fact: Observation) => {
    observed.push(fact)
    events.changed()
  }
  const find = async (wanted: (fact: Observation) => boolean, what: string) => {
    await events.until(
      () => observed.some(wanted),
      () => `${what}, only ${JSON.stringify(observed)}`,
      10,
    )
    return observed.find(wanted) as Observation
  }
  return {
    observed,
    observer: {
      ready: () => record({ type: 'ready' }),
      bound: () => {},
      wanted: () => {},
      adopted: () => {},
      progress: (progress) => record({ type: 'progress', progress }),
      accepting: (accepting) => record({ type: 'accepting', accepting }),
      status: (text) => record({ type: 'status', text }),
      unhealthy: (reason) => record({ type: 'unhealthy', reason }),
      account: (account) => record({ type: 'account', account }),
      stoppedAccepting: () => record({ type: 'stoppedAccepting' }),
      signalled: (connections) => record({ type: 'signalled', connections }),
      drained: (account, cut) => record({ type: 'drained', account, cut }),
      executed: () => record({ type: 'executed' }),
      execFailed: (message, refused) => record({ type: 'execFailed', message, refused }),
      exited: (exit, output) => record({ type: 'exited', exit, output }),
    },
    until: (type) => find((fact) => fact.type === type, type) as never,
    untilStatus: (text) => find((fact) => fact.type === 'status' && fact.text === text, `status ${text}`),
  }
}
