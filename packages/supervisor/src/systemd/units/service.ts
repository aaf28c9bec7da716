import { stopSignalOf } from '../../model/index.js'
import type { Setting } from './hardening.js'
import { hardening } from './hardening.js'
import type { SystemdOrder } from './order.js'
import { quoteAssignment, quoteCommand, quotePath } from './quote.js'
import { listenersOf, timingOf } from './timing.js'

/** The text of the service unit. `sockets`: names of its socket units. */
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
      comment: 'always restart: without a supervisor the services run, but are not watched',
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
      comment: 'a rolling upgrade: waits until it is complete, and fails if it is rolled back',
    },
    {
      name: 'KillMode',
      value: 'process',
      comment:
        'instances survive a supervisor that is killed, and the next one adopts them; a stop drains them',
    },
    ...killSignal(order.specs),
    {
      name: 'TimeoutStopSec',
      value: String(stopSeconds),
      comment: 'the longest terminationGracePeriodSeconds plus 5 s',
    },
    { name: 'TimeoutStartSec', value: String(startSeconds) },
    {
      name: 'WatchdogSec',
      value: String(watchdogSeconds),
      comment: 'half of the shortest terminationGracePeriodSeconds, at least 10 s, at most 30 s',
    },
    { name: 'Restart', value: 'on-failure' },
    { name: 'RestartSec', value: '200ms' },
    {
      name: 'RestartPreventExitStatus',
      value: '2',
      comment: 'the configuration has an error: a restart does not help',
    },
    {
      name: 'OOMPolicy',
      value: 'continue',
      comment: 'only the instance that ran out of memory is killed, and started again',
    },
    {
      name: 'FileDescriptorStoreMax',
      value: String(2 * listenersOf(order.specs) + 16),
      comment: 'keeps the listeners even if the supervisor and all instances are killed',
    },
  ]
}

/** systemd signals only the supervisor, which handles SIGTERM and sends each instance the signal of its service. */
function killSignal(specs: SystemdOrder['specs']): Setting[] {
  const own = specs.filter(({ lifecycle }) => lifecycle?.stopSignal !== undefined)
  if (own.length === 0) return []
  const signals = own.map((spec) => `${stopSignalOf(spec)} to instances of ${spec.name}`).join(', ')
  return [{ name: 'KillSignal', value: 'SIGTERM', comment: `stops the supervisor, which sends ${signals}` }]
}

/** With notify-reload (systemd 253), systemd also tracks reloads that did not start with `systemctl reload`. */
function typeSettings(version: number): Setting[] {
  if (version < 253) return [{ name: 'Type', value: 'notify' }]
  return [
    { name: 'Type', value: 'notify-reload' },
    {
      name: 'ReloadSignal',
      value: 'SIGCONT',
      comment: 'has no effect: ExecReload starts the rollout, and its exit code shows a failure',
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
      comment: 'it has the sockets of instances that are still running',
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

/** A comment needs its own line: after a value it would become part of the value. */
const lines = ({ name, value, comment }: Setting): string =>
  `${comment === undefined ? '' : `# ${comment}\n`}${name}=${value}\n`
