import { HandoverError, OptionError } from '../../protocol/errors.js'
import type { Endpoint, WebSocketHooks, WebSocketLike, WebSocketServerLike } from './hooks.js'
import { Session } from './session.js'
import { upgradedOf } from './upgraded.js'

/** The WebSocketServers whose sessions may move. */
export class Endpoints {
  readonly #byName = new Map<string, Endpoint>()
  readonly #warn: (message: string) => void

  constructor(warn: (message: string) => void) {
    this.#warn = warn
  }

  get names(): string[] {
    return [...this.#byName.keys()]
  }

  named(name: string): Endpoint | undefined {
    return this.#byName.get(name)
  }

  add<Socket extends WebSocketLike>(
    server: WebSocketServerLike<Socket>,
    hooks: WebSocketHooks<Socket>,
  ): void {
    const { name = '' } = hooks
    if (this.#byName.has(name))
      throw new HandoverError('ERR_HANDOVER_STATE', `webSockets() was called twice with the name "${name}"`)
    check(server, hooks)
    const endpoint = { name, server, hooks, warn: this.#warn } as unknown as Endpoint
    this.#byName.set(name, endpoint)
    const { handleUpgrade } = server
    server.handleUpgrade = function (this: typeof server, request, stream, head, callback) {
      handleUpgrade.call(this, request, stream, head, (ws, answered) => {
        const upgraded = upgradedOf(stream)
        if (upgraded !== undefined) Session.begin(ws, upgraded, endpoint)
        callback(ws, answered)
      })
    }
  }
}

function check(server: unknown, hooks: unknown): void {
  if (!hasFunction(server, 'handleUpgrade'))
    throw new OptionError(
      'The first argument of webSockets() has no handleUpgrade(), wanted a WebSocketServer of the package "ws"',
    )
  for (const hook of ['exportState', 'adopt'])
    if (!hasFunction(hooks, hook))
      throw new OptionError(`webSockets() was called without the function "${hook}"`)
}

const hasFunction = (value: unknown, name: string): boolean =>
  typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === 'function'
