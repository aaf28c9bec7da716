import { takeEnvironment } from '../protocol/environment.js'
import { HandoverError } from '../protocol/errors.js'
import { addressee } from '../system/role.js'
import {
  announcePresence,
  currentPresence,
  withdrawPresence,
  type Presence,
  type ProcessResources,
} from './contract.js'
import { settings, type HandoverOptions } from './options.js'
import { Service } from './service.js'
import { drainOnSignals, execOnSignal, upgradeOnSignal } from './signals.js'

/**
 * Makes this process a service. There is one service per process: a preload, for example of the supervisor, retires.
 *
 * @throws OptionError when an option is wrong
 * @throws InheritedListenersError when LISTEN_FDS contradicts the open descriptors
 * @throws HandoverError `ERR_HANDOVER_STATE` when there is a service in this process already
 */
export function handover(options: HandoverOptions = {}): Service {
  const resources = claimResources()
  const chosen = settings(options, resources.environment)
  const service = new Service(chosen, resources)
  const restoreSignals = drainOnSignals(service, chosen.signals)
  upgradeOnSignal(service, chosen.alone.signal)
  // One turn later, so that the application gets the receipt of `upgrade()` first.
  service.once('upgraded', () => setImmediate(() => process.exit()))
  const restoreExec = execOnSignal(service, chosen.execSignal)
  const presence: Presence = { contract: 1, mode: 'library', retire: () => null }
  announcePresence(presence)
  service.once('drained', () => {
    restoreSignals()
    restoreExec()
    withdrawPresence(presence)
  })
  return service
}

/** From the preload, if there is one. */
function claimResources(): ProcessResources {
  const presence = currentPresence()
  if (presence === undefined) return { environment: takeEnvironment(process.env, addressee()), servers: [] }
  const resources = presence.retire()
  if (resources === null) {
    throw new HandoverError(
      'ERR_HANDOVER_STATE',
      'handover() was called, but this process is a service already, or drains',
    )
  }
  return resources
}
