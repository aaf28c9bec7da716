/** One line of the unit, and why it is as it is, for who reads the unit. */
export interface Setting {
  name: string
  value: string
  comment?: string
}

/**
 * What a supervisor and any service under it can live with. Left out on purpose:
 * - MemoryDenyWriteExecute: V8 compiles to memory that it executes (so do koffi's callbacks); Node would not start.
 * - PrivateTmp: systemd empties it when the supervisor is restarted, under the instances that live on.
 * - ProtectProc, PrivateUsers, PrivatePIDs: the supervisor looks into the /proc entries of its instances.
 * - UMask: the files of the services are theirs.
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
    comment: 'pidfd_getfd: a new supervisor takes the listeners back from the instances',
  },
  { name: 'SystemCallErrorNumber', value: 'EPERM' },
]

/** These need mount namespaces or capabilities, which only the system's manager has to give. */
function withPrivileges(folders: string[]): Setting[] {
  const atHome = folders.some((folder) => /^\/(home|root|run\/user)(\/|$)/.test(folder))
  const home: Setting[] = atHome ? [] : [{ name: 'ProtectHome', value: 'read-only' }]
  return [
    {
      name: 'ProtectSystem',
      value: 'full',
      comment: 'strict, with ReadWritePaths=, if you know what is written',
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
      comment: 'ports below 1024; services of other users; CAP_SYS_PTRACE: as pidfd_getfd',
    },
  ]
}
