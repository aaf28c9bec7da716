import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { App, type AppOptions } from './app.js'
import { RawConnection } from './raw-client.js'
import { heldTcp, type HeldSocket } from './sockets.js'

export interface Stage {
  listener: HeldSocket
  port: number
  /** Starts one more instance. */
  launch(options?: AppOptions): Promise<App>
  /** Starts one more instance, and resolves when it is ready. */
  start(options?: AppOptions): Promise<App>
  connect(): Promise<RawConnection>
}

/** A listener that all started instances of the fixture share. */
export function stage(t: TestContext, fixture: string, defaults: AppOptions = {}): Stage {
  const listener = heldTcp()
  t.after(() => listener.close())
  const { port } = listener
  const launch = (options: AppOptions = {}) =>
    App.start(t, fixture, {
      listeners: { http: listener },
      ...defaults,
      ...options,
      env: { PORT: String(port), ...defaults.env, ...options.env },
    })
  return {
    listener,
    port,
    launch,
    async start(options) {
      const app = await launch(options)
      await app.message('ready', 60)
      return app
    },
    async connect() {
      const connection = await RawConnection.open({ port })
      t.after(() => connection.close())
      return connection
    },
  }
}

/** A stage with one instance, ready. */
export async function serve(
  t: TestContext,
  fixture: string,
  options: AppOptions = {},
): Promise<Stage & { app: App }> {
  const service = stage(t, fixture, options)
  return { ...service, app: await service.start() }
}

/** For tuned.cjs: longer than the slowest machine needs to open some thousand connections. */
export const patient: AppOptions = {
  register: 'bundle',
  env: { OPTIONS: JSON.stringify({ keepAliveTimeout: 60_000 }) },
}

/** Opens connections on which `app` has answered one request each, and which are idle. */
export async function idle({ connect }: Stage, app: App, count: number): Promise<RawConnection[]> {
  const connections = await Promise.all(Array.from({ length: count }, connect))
  const answers = await Promise.all(connections.map((connection) => connection.ask('/')))
  for (const answer of answers) assert.equal(answer?.body, String(app.pid))
  return connections
}

/** accepted + adopted = ended + handed over + open: every connection is accounted for. */
export function assertBalanced({ account }: App): void {
  assert.ok(account)
  const { accepted, adopted, endedByPeer, endedOrderly, endedAtDeadline, handedOver, open } = account
  assert.equal(
    accepted + adopted,
    endedByPeer + endedOrderly + endedAtDeadline + handedOver + open,
    JSON.stringify(account),
  )
}
