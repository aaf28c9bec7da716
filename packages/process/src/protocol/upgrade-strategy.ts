/**
 * How the new process gets the listeners that the old one has bound. Inherited listeners (LISTEN_FDS) are passed on in
 * every strategy.
 *
 * - `inherit`: the new process gets the old one's sockets. No connection is refused.
 * - `reusePort`: each process binds sockets of its own (SO_REUSEPORT, socket(7)). The old one accepts what the kernel
 *   has put into its queue before it closes them.
 * - `recreate`: the old process exits, then the new one is started. Connections in between are refused.
 */
export const upgradeStrategies = ['inherit', 'reusePort', 'recreate'] as const
export type UpgradeStrategy = (typeof upgradeStrategies)[number]
