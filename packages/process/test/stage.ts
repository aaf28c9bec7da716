import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { App, type AppOptions } from './app.js'
import { RawConnection } from './raw-client.js'
import { heldTcp } from './sockets.js'

export interface Stage {
  port: number
  /** Starts another instance. Resolves when it is ready. */
  start(options?: AppOptions): Promise<App>
  connect(): Promise<RawConnection>
}

/** A listener that all started instances of the fixture share. */
export function stage(t: TestContext, fixture: string, defaults: AppOptions = {}): Stage {
  const listener = heldTcp()
  t.after(() => listener.close())
  const { port } = listener
  return {
    port,
    async start(options = {}) {
      const app = await App.start(fixture, {
        listeners: { http: listener },
        ...defaults,
        ...options,
        env: { PORT: String(port), ...defaults.env, ...options.env },
      })
      t.after(() => app.dispose())
      await app.message('ready')
      return app
    },
    async connect() {
      const connection = await RawConnection.open({ port })
      t.after(() => connection.close())
      return connection
    },
  }
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
