import type { Setting } from './hardening.js'
import { hardening } from './hardening.js'
import type { SystemdOrder } from './order.js'
import { quoteAssignment, quoteCommand, quotePath } from './quote.js'
import { listenersOf, timingOf } from './timing.js'

/** `sockets`: names of the socket units that go with it. */
export function serviceUnit(order: SystemdOrder, sockets: string[]): string {
  const { scope, specs } = order
  const names = specs.map(({ name }) => name).join(', ')
  const unit: Setting[] = [
    { name: 'Description', value: `${names}, supervised by handover` },
    { name: 'After', value: ['network.target', ...sockets].join(' ') },
    ...(sockets.length > 0 ? [{ name: 'Requires', value: sockets.join(' ') }] : []),
    {
      name: 'StartLimitIntervalSec',
      value: '0',
      comment: 'never give up: the services live on without a supervisor, but nobody would look after them',
    },
  ]
  const folders = [order.folder, ...order.start, ...specs.flatMap(({ cwd, envFiles }) => [cwd, ...envFiles])]
  return [
    section('Unit', unit),
    section('Service', [...life(order), ...places(order), ...hardening(scope, folders)]),
    section('Install', [
      { name: 'WantedBy', value: scope === 'system' ? 'multi-user.target' : 'default.target' },
    ]),
  ].join('\n')
}

function life(order: SystemdOrder): Setting[] {
  const { stopSeconds, startSeconds, watchdogSeconds } = timingOf(order.specs)
  return [
    ...typeSettings(order.systemdVersion),
    { name: 'NotifyAccess', value: 'all' },
    { name: 'ExecStart', value: quoteCommand(order.start) },
    {
      name: 'ExecReload',
      value: quoteCommand(order.upgrade),
      comment: 'a rolling upgrade: it waits for the end, and fails if the release was rolled back',
    },
    {
      name: 'KillMode',
      value: 'process',
      comment:
        'instances outlive a supervisor that was killed, and the next one adopts them; a stop drains them',
    },
    {
      name: 'TimeoutStopSec',
      value: String(stopSeconds),
      comment: 'the longest terminationGracePeriodSeconds, and 5 s',
    },
    { name: 'TimeoutStartSec', value: String(startSeconds) },
    {
      name: 'WatchdogSec',
      value: String(watchdogSeconds),
      comment: 'half of the shortest terminationGracePeriodSeconds, from 10 to 30 s',
    },
    { name: 'Restart', value: 'on-failure' },
    { name: 'RestartSec', value: '200ms' },
    {
      name: 'RestartPreventExitStatus',
      value: '2',
      comment: 'a configuration with an error in it does not get better by itself',
    },
    {
      name: 'OOMPolicy',
      value: 'continue',
      comment: 'an instance that the kernel killed for its memory is started again; the others go on',
    },
    {
      name: 'FileDescriptorStoreMax',
      value: String(2 * listenersOf(order.specs) + 16),
      comment: 'the listeners, kept while even the supervisor and all instances are gone',
    },
  ]
}

/** Since systemd 253 it knows when a reload ends that was not asked for by `systemctl reload`. */
function typeSettings(version: number): Setting[] {
  if (version < 253) return [{ name: 'Type', value: 'notify' }]
  return [
    { name: 'Type', value: 'notify-reload' },
    {
      name: 'ReloadSignal',
      value: 'SIGCONT',
      comment: 'begins nothing: the rollout is asked for by ExecReload, which can fail',
    },
  ]
}

function places({ name, scope, folder, environment }: SystemdOrder): Setting[] {
  const home = environment['HANDOVER_HOME'] !== undefined
  const folders: Setting[] = [
    { name: 'RuntimeDirectory', value: `handover/${name}` },
    { name: 'RuntimeDirectoryMode', value: '0711' },
    {
      name: 'RuntimeDirectoryPreserve',
      value: 'restart',
      comment: 'the sockets of the instances that live on are in it',
    },
    { name: 'StateDirectory', value: `handover/${name}` },
    { name: 'StateDirectoryMode', value: '0700' },
    { name: 'LogsDirectory', value: `handover/${name}` },
    { name: 'LogsDirectoryMode', value: '0700' },
  ]
  return [
    { name: 'WorkingDirectory', value: quotePath(folder) },
    ...Object.entries(environment).map(([key, value]) => ({
      name: 'Environment',
      value: quoteAssignment(key, value),
    })),
    ...(home || scope === 'user' ? [] : folders),
  ]
}

const section = (name: string, settings: Setting[]): string => `[${name}]\n${settings.map(lines).join('')}`

/** A comment has a line of its own: there is none behind a value. */
const lines = ({ name, value, comment }: Setting): string =>
  `${comment === undefined ? '' : `# ${comment}\n`}${name}=${value}\n`
