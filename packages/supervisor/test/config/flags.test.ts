import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { CommandOptions } from '../../dist/config/flags.js'
import { specFromCommand } from '../../dist/config/flags.js'
import type { ServiceSpec } from '../../dist/model/index.js'
import { fixtures, folderFor, problemsOf, valueOf } from './support.js'

const flagsSpec = (options: CommandOptions, folder = fixtures): ServiceSpec =>
  valueOf(specFromCommand(options, folder)).services[0]!

test('specFromCommand() returns the same service as a file', () => {
  const spec = flagsSpec({
    script: ['server.js', '--verbose'],
    listen: ['3000', 'admin=127.0.0.1:4000'],
    env: ['A=1', 'B=x=y'],
    envFile: ['some.env'],
    replicas: '2',
    maxSurge: '1',
    maxUnavailable: '25%',
    minReadySeconds: '0.5',
    progressDeadlineSeconds: '20',
    terminationGracePeriodSeconds: '10',
    revisionHistoryLimit: '3',
    maxMemory: '300Mi',
    readinessPath: '/healthz',
    user: 'www-data',
    register: false,
  })
  assert.deepEqual(spec, {
    name: 'server',
    command: ['node', 'server.js', '--verbose'],
    cwd: fixtures.slice(0, -1),
    env: { A: '1', B: 'x=y' },
    envFiles: [join(fixtures, 'some.env')],
    user: 'www-data',
    replicas: 2,
    listen: {
      http: { type: 'tcp', host: '::', port: 3000, backlog: 4096 },
      admin: { type: 'tcp', host: '127.0.0.1', port: 4000, backlog: 4096 },
    },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: '25%' } },
    minReadySeconds: 0.5,
    progressDeadlineSeconds: 20,
    revisionHistoryLimit: 3,
    maxMemory: 314_572_800,
    terminationGracePeriodSeconds: 10,
    maxDraining: 8,
    drain: { timeoutSeconds: 9, idleSeconds: 9 },
    readinessProbe: {
      handler: { type: 'httpGet', path: '/healthz', port: 'http', scheme: 'HTTP', httpHeaders: [] },
      initialDelaySeconds: 0,
      periodSeconds: 10,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 3,
    },
    register: false,
  })
})

describe('specFromCommand() names the listeners', () => {
  const table: [string[], string[]][] = [
    [['3000'], ['http']],
    [
      ['3000', '4000', 'udp:8125'],
      ['http', 'port-4000', 'udp-8125'],
    ],
    [
      ['127.0.0.1:3000', '[::1]:4000'],
      ['http', 'port-4000'],
    ],
    [
      ['web=3000', '4000'],
      ['web', 'port-4000'],
    ],
    [
      ['udp:8125', '3000'],
      ['udp-8125', 'port-3000'],
    ],
    [
      ['unix:/run/web.sock', 'unix:/run/Admin Panel.sock'],
      ['http', 'admin-panel'],
    ],
    [['unix:/run/a=b.sock'], ['http']],
    [['main=unix:/run/a=b.sock'], ['main']],
  ]
  for (const [listen, expected] of table) {
    test(listen.join(' '), () => {
      assert.deepEqual(Object.keys(flagsSpec({ script: ['a.js'], listen }).listen), expected)
    })
  }
})

test('specFromCommand() needs no listener: a probe without a port is for the first one that is discovered', () => {
  const script = ['app.js']
  const handler = (listen: string[]) =>
    flagsSpec({ script, listen, readinessPath: '/h' }).readinessProbe?.handler
  const probe = { type: 'httpGet', path: '/h', scheme: 'HTTP', httpHeaders: [] }
  assert.deepEqual(handler([]), probe)
  assert.deepEqual(handler(['udp:53']), probe)
  assert.deepEqual(handler(['web=3000']), { ...probe, port: 'web' })
  assert.equal(flagsSpec({ script, discover: false }).discover, false)
  assert.ok(!Object.hasOwn(flagsSpec({ script, discover: true }), 'discover'))
})

describe('specFromCommand() calls the service after its program', () => {
  const table: [CommandOptions, string][] = [
    [{ script: ['app.js'] }, 'app'],
    [{ script: ['./dist/My App.mjs', 'x.js'] }, 'my-app'],
    [{ command: ['./my-go-server', '-v'] }, 'my-go-server'],
    [{ command: ['/usr/bin/gunicorn', 'app:app'] }, 'gunicorn'],
    [{ command: ['node', '--enable-source-maps', 'server.ts'] }, 'server'],
    [{ command: ['python3', '-m', 'http.server'] }, 'python3'],
    [{ command: ['python3', 'manage.py', 'runserver'] }, 'manage'],
    [{ command: ['./..'] }, 'app'],
  ]
  for (const [options, expected] of table) {
    test((options.script ?? options.command ?? []).join(' '), () =>
      assert.equal(flagsSpec(options).name, expected),
    )
  }

  test('npm start: after the package, or else the folder', (t) => {
    const folder = join(folderFor(t), 'Shop')
    mkdirSync(folder)
    const options = { command: ['npm', 'start'] }
    assert.equal(flagsSpec(options, folder).name, 'shop')
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: '@acme/web-shop' }))
    assert.equal(flagsSpec(options, folder).name, 'web-shop')
  })
})

describe('specFromCommand() refuses, and names the flag', () => {
  const script = ['a.js']
  const listener =
    "wanted a port (3000), an address ('127.0.0.1:3000', '[::1]:3000', 'unix:/run/web.sock', 'udp:127.0.0.1:8125'), { port, host } or { path }"
  const table: [CommandOptions, string[]][] = [
    [{ script, replicas: 'two' }, [`--replicas is "two", wanted a whole number, 0 or more, or 'max'`]],
    [
      { script, maxMemory: '300' },
      [
        "--max-memory is 300, wanted an amount of memory ('300Mi', '1.5Gi', '500M' or a number of bytes), at least 1Mi",
      ],
    ],
    [
      { script, stopSignal: '3' },
      ['--stop-signal is "3", wanted the name of a signal that can be handled, such as \'SIGQUIT\''],
    ],
    [{ script, listen: ['99999'] }, [`-p is "99999", ${listener}`]],
    [
      { script, listen: ['3000', 'http=4000'] },
      ['-p is "http=4000", a second listener called "http": name it, as in -p other=4000'],
    ],
    [
      { script, listen: ['3000', 'b=3000'] },
      ['-p is "[::]:3000", which listener "http" already uses ("[::]:3000")'],
    ],
    [{ script, env: ['A'] }, ['--env is "A", wanted KEY=value']],
    [{ script, env: ['=A'] }, ['--env is "=A", wanted KEY=value']],
    [{ script, envFile: ['no.env'] }, [`--env-file names "${fixtures}no.env", which does not exist`]],
    [{ script, cwd: 'nowhere' }, [`--cwd is "${fixtures}nowhere", which is not a folder`]],
    [
      { script, readinessPath: '/h', discover: false },
      ['--readiness-path is "/h", wanted a listener to probe: add -p or omit --no-discover'],
    ],
    [
      { script, readinessPath: 'h', listen: ['80'] },
      ['--readiness-path is "h", wanted a path that starts with "/"'],
    ],
    [
      { script, strategy: 'Rolling' },
      [`--strategy is "Rolling", wanted 'RollingUpdate', 'Recreate' or 'InPlace'`],
    ],
    [
      { script, minReadySeconds: 'x', maxSurge: 'x' },
      [
        `--max-surge is "x", wanted a number of instances (1) or a percentage of replicas ('25%')`,
        '--min-ready-seconds is "x", wanted a number of seconds, 0 or more, at most 2000000',
      ],
    ],
    [
      { script, maxSurge: '0', maxUnavailable: '0' },
      [
        'the strategy has maxSurge 0 and maxUnavailable 0, wanted at least one of them above 0: otherwise no instance can be replaced',
      ],
    ],
    [{}, ['the command line has no command, wanted a "command" or a "script"']],
  ]
  for (const [options, expected] of table) {
    test(JSON.stringify(options), () =>
      assert.deepEqual(problemsOf(specFromCommand(options, fixtures)), expected),
    )
  }
})
