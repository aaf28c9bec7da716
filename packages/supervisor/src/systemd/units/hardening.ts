/** One setting of a unit; `comment` becomes the line above it. */
export interface Setting {
  name: string
  value: string
  comment?: string
}

/**
 * Hardening that works for the supervisor and any service under it. Left out on purpose:
 * - MemoryDenyWriteExecute: V8 and koffi's callbacks execute memory that they wrote; Node would not start.
 * - PrivateTmp: systemd empties it at a restart of the supervisor, while the instances still use it.
 * - ProtectProc, PrivateUsers, PrivatePIDs: the supervisor reads /proc of its instances.
 * - UMask: the permissions of files are up to the services.
 */
export function hardening(scope: 'system' | 'user', folders: string[]): Setting[] {
  return scope === 'user' ? withoutPrivileges : [...withoutPrivileges, ...withPrivileges(folders)]
}

const withoutPrivileges: Setting[] = [
  { name: 'NoNewPrivileges', value: 'yes' },
  {
    name: 'RestrictAddressFamilies',
    value: 'AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    comment: 'AF_NETLINK: the list of network interfaces',
  },
  { name: 'RestrictNamespaces', value: 'yes' },
  { name: 'RestrictRealtime', value: 'yes' },
  { name: 'RestrictSUIDSGID', value: 'yes' },
  { name: 'LockPersonality', value: 'yes' },
  { name: 'SystemCallArchitectures', value: 'native' },
  {
    name: 'SystemCallFilter',
    value: '@system-service pidfd_getfd',
    comment: 'pidfd_getfd: a new supervisor takes its listeners back from the instances',
  },
  { name: 'SystemCallErrorNumber', value: 'EPERM' },
]

/** These need mount namespaces or capabilities, which only the system's own manager can grant. */
function withPrivileges(folders: string[]): Setting[] {
  const atHome = folders.some((folder) => /^\/(home|root|run\/user)(\/|$)/.test(folder))
  const home: Setting[] = atHome ? [] : [{ name: 'ProtectHome', value: 'read-only' }]
  return [
    {
      name: 'ProtectSystem',
      value: 'full',
      comment: 'use strict and ReadWritePaths= if you know which paths are written',
    },
    ...home,
    { name: 'PrivateDevices', value: 'yes' },
    { name: 'ProtectClock', value: 'yes' },
    { name: 'ProtectControlGroups', value: 'yes' },
    { name: 'ProtectHostname', value: 'yes' },
    { name: 'ProtectKernelLogs', value: 'yes' },
    { name: 'ProtectKernelModules', value: 'yes' },
    { name: 'ProtectKernelTunables', value: 'yes' },
    {
      name: 'CapabilityBoundingSet',
      value:
        'CAP_NET_BIND_SERVICE CAP_SETUID CAP_SETGID CAP_KILL CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE CAP_SYS_PTRACE',
      comment: 'for ports below 1024 and services of other users; CAP_SYS_PTRACE: for pidfd_getfd',
    },
  ]
}
