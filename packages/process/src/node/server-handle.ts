import net from 'node:net'
import type { ListenHandle } from './handle.js'

/** Binds, or opens `fd`. Returns the negative errno if that fails. `port` and `addressType` are negative for a path. */
export type CreateServerHandle = (
  address: string | null,
  port: number,
  addressType: number,
  fd?: number,
  flags?: number,
) => ListenHandle | number

/** Node's internal function, which `listen` and the cluster module call. */
export const handleModule = net as unknown as { _createServerHandle: CreateServerHandle }

/** Node's own, without the preload's patch. */
export const createServerHandle = handleModule._createServerHandle
