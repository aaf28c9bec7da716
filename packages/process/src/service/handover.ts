import {
  announcePresence,
  currentPresence,
  withdrawPresence,
  type Estate,
  type Presence,
} from './contract.js'
import { upgradeOnSignal } from './upgrade-signal.js'
import { takeEnvironment } from '../protocol/environment.js'
import { HandoverError } from '../protocol/errors.js'
import type { HandoverOptions } from './options.js'
import { Service } from './service.js'
import { drainOnSignals, execOnSignal } from './signals.js'
import { settings } from './options.js'

/**
 * The service that this process is. One per process: what a supervisor preloaded steps back for it.
 *
 * @throws OptionError when an option is wrong
 * @throws InheritedListenersError when LISTEN_FDS contradicts the open descriptors
 * @throws HandoverError `ERR_HANDOVER_STATE` when there is a service in this process already
 */
export function handover(options: HandoverOptions = {}): Service {
  const estate = takeOver()
  const { alone, execSignal, signals } = settings(options, estate.environment)
  const service = new Service(options, 'library', estate)
  const restoreSignals = drainOnSignals(service, signals)
  if (alone.signal !== null) upgradeOnSignal(service, alone.signal)
  // A turn later: whoever waits for the receipt gets it first.
  service.once('upgraded', () => setImmediate(() => process.exit()))
  const restoreExec = execOnSignal(service, execSignal)
  const presence: Presence = { contract: 1, mode: 'library', retire: () => null }
  announcePresence(presence)
  service.once('drained', () => {
    restoreSignals()
    restoreExec()
    withdrawPresence(presence)
  })
  return service
}

function takeOver(): Estate {
  const presence = currentPresence()
  if (presence === undefined) return { environment: takeEnvironment(), servers: [] }
  const estate = presence.retire()
  if (estate === null) {
    throw new HandoverError(
      'ERR_HANDOVER_STATE',
      'handover() was called, but this process is a service already, or drains',
    )
  }
  return estate
}
