/**
 * How the new process comes to the listeners that the old one has bound itself; those that came with the process
 * (LISTEN_FDS) are passed in each.
 *
 * - `inherit`: it is given them. They are one and the same, nobody is refused.
 * - `reusePort`: each binds its own beside the other (SO_REUSEPORT, socket(7)); what the kernel put into the queue of
 *   the old one is accepted there before it closes.
 * - `recreate`: the old one ends wholly, then the new one is started; who comes in between is refused.
 */
export const upgradeStrategies = ['inherit', 'reusePort', 'recreate'] as const
export type UpgradeStrategy = (typeof upgradeStrategies)[number]
