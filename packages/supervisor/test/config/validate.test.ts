import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { describe, test } from 'node:test'
import type { ServiceSpec } from '../../dist/model/index.js'
import { describePath } from '../../dist/config/show.js'
import { validateConfig } from '../../dist/config/validate.js'
import { fixtures, problemsOf, valueOf } from './support.js'

const source = { file: null, folder: fixtures, locate: describePath }
const validate = (input: unknown) => validateConfig(input, source)

/** The service `web` with these fields; it has a command unless it is given something else to run. */
const web = (fields: object) => ({ services: { web: { command: ['node', 'a.js'], ...fields } } })
const validSpec = (fields: object): ServiceSpec => valueOf(validate(web(fields))).services[0]!

test('validateConfig() fills in every default when a service has only a command', () => {
  assert.deepEqual(validSpec({}), {
    name: 'web',
    command: ['node', 'a.js'],
    cwd: fixtures.replace(/\/$/, ''),
    env: {},
    envFiles: [],
    replicas: 1,
    listen: {},
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
    minReadySeconds: 0,
    progressDeadlineSeconds: 60,
    revisionHistoryLimit: 10,
    terminationGracePeriodSeconds: 30,
    maxDraining: 8,
    drain: { timeoutSeconds: 29, idleSeconds: 10 },
    register: true,
  })
})

test('validateConfig() accepts probes of listeners that an instance may bind itself', () => {
  for (const port of [undefined, 'http', 'tcp-9090', 'unix-web.sock'])
    assert.equal(
      validSpec({ readinessProbe: { tcpSocket: { port } } }).readinessProbe?.handler.type,
      'tcpSocket',
    )
  assert.ok(!Object.hasOwn(validSpec({ discover: true }), 'discover'))
  assert.equal(validSpec({ discover: false }).discover, false)
})

test('validateConfig() returns a specification that survives JSON', () => {
  const spec = validSpec({ listen: { http: 3000 }, livenessProbe: { tcpSocket: { port: 'http' } } })
  assert.deepEqual(JSON.parse(JSON.stringify(spec)), spec)
})

test("validateConfig() reads maxMemory in Kubernetes' notation, and leaves it out where it is not given", () => {
  const bytes = (maxMemory: string | number) => validSpec({ maxMemory }).maxMemory
  assert.deepEqual(
    ['300Mi', '1.5Gi', '2048Ki', '500M', '500000k', '5000K', '1T', '2097152', 2_097_152.5].map(bytes),
    [314_572_800, 1_610_612_736, 2_097_152, 5e8, 5e8, 5e6, 1e12, 2_097_152, 2_097_153],
  )
  assert.ok(!Object.hasOwn(validSpec({}), 'maxMemory'))
})

describe('validateConfig() understands', () => {
  const tcp = (port: number, host = '::') => ({ type: 'tcp', host, port, backlog: 4096 })
  const udp = (port: number, host = '::') => ({ type: 'udp', host, port })
  const unix = (path: string, mode = 0o666) => ({ type: 'unix', path, mode, backlog: 4096 })
  const listeners: [unknown, object][] = [
    [3000, tcp(3000)],
    ['3000', tcp(3000)],
    [0, tcp(0)],
    [':3000', tcp(3000)],
    ['*:3000', tcp(3000)],
    ['tcp:3000', tcp(3000)],
    ['localhost:3000', tcp(3000, '127.0.0.1')],
    ['127.0.0.1:3000', tcp(3000, '127.0.0.1')],
    ['[::1]:3000', tcp(3000, '::1')],
    ['udp:127.0.0.1:8125', udp(8125, '127.0.0.1')],
    ['udp:8125', udp(8125)],
    ['unix:/run/web.sock', unix('/run/web.sock')],
    ['unix:web.sock', unix(`${fixtures}web.sock`)],
    [{ port: 3000 }, tcp(3000)],
    [
      { port: 3000, host: '0.0.0.0', backlog: 10 },
      { ...tcp(3000, '0.0.0.0'), backlog: 10 },
    ],
    [{ path: '/run/web.sock', mode: '0660' }, unix('/run/web.sock', 0o660)],
    [
      { path: '/s', mode: '600', user: 'www-data', group: 33 },
      { ...unix('/s', 0o600), user: 'www-data', group: '33' },
    ],
  ]
  for (const [input, expected] of listeners) {
    test(`the listener ${JSON.stringify(input)}`, () => {
      assert.deepEqual(validSpec({ listen: { http: input } }).listen, { http: expected })
    })
  }

  const commands: [unknown, string[]][] = [
    ['node server.js', ['node', 'server.js']],
    [`node "my server.js" --title='a b' a\\ b`, ['node', 'my server.js', '--title=a b', 'a b']],
    [`node '$HOME' "say \\"x\\"" ''`, ['node', '$HOME', 'say "x"', '']],
    [
      ['node', 'a b'],
      ['node', 'a b'],
    ],
  ]
  for (const [command, expected] of commands) {
    test(`the command ${JSON.stringify(command)}`, () => {
      assert.deepEqual(validSpec({ command }).command, expected)
    })
  }

  const fields: [string, object, Partial<ServiceSpec>][] = [
    ['a script', { command: undefined, script: 'server.js -v' }, { command: ['node', 'server.js', '-v'] }],
    ['as many replicas as processors', { replicas: 'max' }, { replicas: availableParallelism() }],
    ['no replicas', { replicas: 0 }, { replicas: 0 }],
    ['a bound of draining instances that grows with the replicas', { replicas: 6 }, { maxDraining: 12 }],
    [
      'env values that are no strings',
      { env: { A: 1, B: true, C: 'c' } },
      { env: { A: '1', B: 'true', C: 'c' } },
    ],
    ['a user id', { user: 33, group: 'www-data' }, { user: '33', group: 'www-data' }],
    ['one env file', { envFile: 'some.env' }, { envFiles: [`${fixtures}some.env`] }],
    [
      'several env files',
      { envFiles: ['some.env', `${fixtures}some.env`] },
      { envFiles: Array<string>(2).fill(`${fixtures}some.env`) },
    ],
    ['Recreate', { strategy: { type: 'Recreate' } }, { strategy: { type: 'Recreate' } }],
    [
      'percentages',
      { strategy: { rollingUpdate: { maxSurge: '200%', maxUnavailable: '100%' } } },
      { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '200%', maxUnavailable: '100%' } } },
    ],
    [
      'no surge: then one may be unavailable',
      { strategy: { rollingUpdate: { maxSurge: 0 } } },
      { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } },
    ],
    [
      'a short grace period: the drain ends half way',
      { terminationGracePeriodSeconds: 1 },
      { terminationGracePeriodSeconds: 1, drain: { timeoutSeconds: 0.5, idleSeconds: 0.5 } },
    ],
    ['a stop signal', { lifecycle: { stopSignal: 'SIGQUIT' } }, { lifecycle: { stopSignal: 'SIGQUIT' } }],
    [
      'a real-time one',
      { lifecycle: { stopSignal: 'SIGRTMIN+3' } },
      { lifecycle: { stopSignal: 'SIGRTMIN+3' } },
    ],
    [
      'a drain of its own',
      { drain: { timeoutSeconds: 5, idleSeconds: 2 } },
      { drain: { timeoutSeconds: 5, idleSeconds: 2 } },
    ],
  ]
  for (const [what, input, expected] of fields) {
    test(what, () => {
      const spec = validSpec(input)
      for (const [key, value] of Object.entries(expected)) {
        assert.deepEqual(spec[key as keyof ServiceSpec], value)
      }
    })
  }

  const timing = {
    initialDelaySeconds: 0,
    periodSeconds: 10,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
  }
  const probes: [object, object][] = [
    [
      { httpGet: { port: 'http' } },
      { ...timing, handler: { type: 'httpGet', path: '/', port: 'http', scheme: 'HTTP', httpHeaders: [] } },
    ],
    [
      {
        httpGet: {
          port: 81,
          host: 'h',
          scheme: 'HTTPS',
          path: '/x',
          httpHeaders: [{ name: 'A', value: '' }],
        },
        periodSeconds: 0.2,
      },
      {
        ...timing,
        periodSeconds: 0.2,
        handler: {
          type: 'httpGet',
          path: '/x',
          port: 81,
          host: 'h',
          scheme: 'HTTPS',
          httpHeaders: [{ name: 'A', value: '' }],
        },
      },
    ],
    [{ tcpSocket: { port: 'http' } }, { ...timing, handler: { type: 'tcpSocket', port: 'http' } }],
    [
      { exec: { command: 'test -e ok' } },
      { ...timing, handler: { type: 'exec', command: ['test', '-e', 'ok'] } },
    ],
    [{ notify: {} }, { ...timing, handler: { type: 'notify' } }],
  ]
  for (const [readinessProbe, expected] of probes) {
    test(`the probe ${JSON.stringify(readinessProbe)}`, () => {
      assert.deepEqual(validSpec({ listen: { http: 1 }, readinessProbe }).readinessProbe, expected)
    })
  }
})

const wantedName =
  'wanted a name of at most 63 characters: lower-case letters, digits, "-" and ".", the first a letter or digit'
const wantedListener =
  "wanted a port (3000), an address ('127.0.0.1:3000', '[::1]:3000', 'unix:/run/web.sock', 'udp:127.0.0.1:8125'), { port, host } or { path }"
const wantedCommand = `wanted a list of words (['node', 'server.js']) or a line without shell features ('node server.js')`
const write = `; to use a shell, write ['sh', '-c', 'exec …']`
const longPath = `/${'x'.repeat(107)}`

describe('validateConfig() refuses', () => {
  const wholes: [string, unknown, string[]][] = [
    ['nothing', null, ['the configuration is null, wanted an object']],
    ['a list', [], ['the configuration is [], wanted an object']],
    [
      'no services',
      {},
      ['services is missing, wanted an object of services, such as { web: { script: "server.js" } }'],
    ],
    ['an empty set of services', { services: {} }, ['services is {}, wanted at least one service']],
    [
      'an unknown field',
      { service: {}, services: { a: { command: 'x' } } },
      ['the configuration has no field "service", did you mean "services"?'],
    ],
    [
      'a name with a slash',
      { name: 'a/b', services: { a: { command: 'x' } } },
      [`name is "a/b", ${wantedName}`],
    ],
    [
      'a service with a slash in its name',
      { services: { 'a/b': { command: 'x' } } },
      [`services["a/b"] is named "a/b", ${wantedName}`],
    ],
    [
      'a service in capitals',
      { services: { Web: { command: 'x' } } },
      [`services.Web is named "Web", ${wantedName}`],
    ],
    [
      'a service with a long name',
      { services: { ['a'.repeat(64)]: { command: 'x' } } },
      [`services.${'a'.repeat(64)} is named "${'a'.repeat(56)}…, ${wantedName}`],
    ],
    [
      'two services on one port',
      {
        services: {
          a: { command: 'x', listen: { http: 80 } },
          b: { command: 'x', listen: { web: '0.0.0.0:80' } },
        },
      },
      ['services.b.listen.web is "0.0.0.0:80", which service "a", listener "http" already uses ("[::]:80")'],
    ],
    [
      'every problem of every service, a line each',
      { services: { a: { command: 'x', replicas: -1 }, b: { comand: 'x' } } },
      [
        `services.a.replicas is -1, wanted a whole number, 0 or more, or 'max'`,
        'services.b has no field "comand", did you mean "command"?',
      ],
    ],
  ]
  for (const [what, input, expected] of wholes) {
    test(what, () => assert.deepEqual(problemsOf(validate(input)), expected))
  }

  const fields: [object, string[]][] = [
    [{ command: undefined }, ['services.web has no command, wanted a "command" or a "script"']],
    [{ script: 'a.js' }, ['services.web has both "command" and "script", wanted one of them']],
    [{ command: 3 }, [`services.web.command is 3, ${wantedCommand}`]],
    [{ command: [] }, [`services.web.command is [], ${wantedCommand}`]],
    [{ command: [''] }, ['services.web.command is [""], wanted a program as its first word']],
    [{ command: ['node', 3] }, ['services.web.command[1] is 3, wanted a word of the command']],
    [{ command: '' }, [`services.web.command is no command: "" holds no word`]],
    [{ command: 'a | b' }, [`services.web.command is no command: "a | b" needs a shell for "|"${write}`]],
    [
      { command: 'echo "$HOME"' },
      [`services.web.command is no command: "echo "$HOME"" needs a shell for "$"${write}`],
    ],
    [{ command: `node 'a` }, [`services.web.command is no command: "node 'a" has a ' that is never closed`]],
    [{ replicas: 'two' }, [`services.web.replicas is "two", wanted a whole number, 0 or more, or 'max'`]],
    [{ replicas: 1.5 }, [`services.web.replicas is 1.5, wanted a whole number, 0 or more, or 'max'`]],
    [{ replics: 2 }, ['services.web has no field "replics", did you mean "replicas"?']],
    [
      { listen: 3000 },
      ['services.web.listen is 3000, wanted an object of listeners, such as { http: 3000 }'],
    ],
    [{ listen: { 'a/b': 3000 } }, [`services.web.listen["a/b"] is named "a/b", ${wantedName}`]],
    [
      { listen: { a: 65536 } },
      ['services.web.listen.a is 65536, wanted a port number from 0 to 65535 (0: any free port)'],
    ],
    [{ listen: { a: '70000' } }, [`services.web.listen.a is "70000", ${wantedListener}`]],
    [{ listen: { a: '::1:3000' } }, [`services.web.listen.a is "::1:3000", ${wantedListener}`]],
    [
      { listen: { a: 'example.org:3000' } },
      [`services.web.listen.a is "example.org:3000", ${wantedListener}`],
    ],
    [{ listen: { a: 'unix:' } }, [`services.web.listen.a is "unix:", ${wantedListener}`]],
    [{ listen: { a: true } }, [`services.web.listen.a is true, ${wantedListener}`]],
    [
      { listen: { a: { prt: 3000 } } },
      [
        'services.web.listen.a.port is missing, wanted a port number from 0 to 65535 (0: any free port)',
        'services.web.listen.a has no field "prt", did you mean "port"?',
      ],
    ],
    [
      { listen: { a: { port: 1, host: 'x.org' } } },
      ['services.web.listen.a.host is "x.org", wanted an IP address, "localhost" or "*"'],
    ],
    [
      { listen: { a: { path: '/s', mode: 660 } } },
      [
        `services.web.listen.a.mode is 660, wanted the permission bits as octal digits in quotes, such as '0660'`,
      ],
    ],
    [
      { listen: { a: { path: '/s', mode: '0680' } } },
      [
        `services.web.listen.a.mode is "0680", wanted the permission bits as octal digits in quotes, such as '0660'`,
      ],
    ],
    [
      { listen: { a: { path: '/s', own: 1 } } },
      ['services.web.listen.a has no field "own", its fields are path, mode, user, group, backlog'],
    ],
    [
      { listen: { a: 1, b: '127.0.0.1:1' } },
      ['services.web.listen.b is "127.0.0.1:1", which listener "a" already uses ("[::]:1")'],
    ],
    [
      { listen: { a: '[::1]:1', b: 1 } },
      ['services.web.listen.b is "[::]:1", which listener "a" already uses ("[::1]:1")'],
    ],
    [
      { listen: { a: '127.0.0.1:1', b: '0.0.0.0:1' } },
      ['services.web.listen.b is "0.0.0.0:1", which listener "a" already uses ("127.0.0.1:1")'],
    ],
    [
      { listen: { a: 'udp:1', b: 'udp:1' } },
      ['services.web.listen.b is "udp:[::]:1", which listener "a" already uses ("udp:[::]:1")'],
    ],
    [
      { listen: { a: 'unix:/s', b: { path: '/s' } } },
      ['services.web.listen.b is "unix:/s", which listener "a" already uses ("unix:/s")'],
    ],
    [
      { listen: { a: `unix:${longPath}` } },
      [`services.web.listen.a is "unix:${longPath}", a path of 108 bytes, wanted at most 107`],
    ],
    [{ cwd: 'nowhere' }, [`services.web.cwd is "${fixtures}nowhere", which is not a folder`]],
    [{ cwd: 'some.env' }, [`services.web.cwd is "${fixtures}some.env", which is not a folder`]],
    [
      { env: { 'A=B': '1' } },
      ['services.web.env["A=B"] is named "A=B", wanted a variable name without "=" or white space'],
    ],
    [{ env: { A: null } }, ['services.web.env.A is null, wanted a string, a number or a boolean']],
    [{ envFile: 'no.env' }, [`services.web.envFile names "${fixtures}no.env", which does not exist`]],
    [
      { envFiles: ['some.env', '.'] },
      [`services.web.envFiles names "${fixtures.slice(0, -1)}", which is a folder, not a file`],
    ],
    [
      { envFile: 'some.env', envFiles: ['some.env'] },
      ['services.web has both "envFile" and "envFiles", wanted one of them'],
    ],
    [{ user: true }, ['services.web.user is true, wanted a name or a numeric id']],
    [{ register: 'no' }, ['services.web.register is "no", wanted true or false']],
    [
      { strategy: { type: 'rolling' } },
      [`services.web.strategy.type is "rolling", wanted 'RollingUpdate', 'Recreate' or 'InPlace'`],
    ],
    [
      { strategy: { rollingUpdate: { maxSurge: '25' } } },
      [
        `services.web.strategy.rollingUpdate.maxSurge is "25", wanted a number of instances (1) or a percentage of replicas ('25%')`,
      ],
    ],
    [
      { strategy: { rollingUpdate: { maxUnavailable: '101%' } } },
      ['services.web.strategy.rollingUpdate.maxUnavailable is "101%", wanted at most "100%"'],
    ],
    [
      { strategy: { rollingUpdate: { maxSurge: '0%', maxUnavailable: 0 } } },
      [
        'services.web.strategy.rollingUpdate has maxSurge "0%" and maxUnavailable 0, wanted at least one of them above 0: otherwise no instance can be replaced',
      ],
    ],
    [
      { strategy: { type: 'Recreate', rollingUpdate: {} } },
      [
        'services.web.strategy.rollingUpdate is set though strategy.type is "Recreate", wanted no rollingUpdate or type "RollingUpdate"',
      ],
    ],
    [
      { minReadySeconds: -1 },
      ['services.web.minReadySeconds is -1, wanted a number of seconds, 0 or more, at most 2000000'],
    ],
    [
      { progressDeadlineSeconds: 0 },
      ['services.web.progressDeadlineSeconds is 0, wanted a number of seconds, more than 0, at most 2000000'],
    ],
    [
      { revisionHistoryLimit: 1.5 },
      ['services.web.revisionHistoryLimit is 1.5, wanted a whole number, 0 or more'],
    ],
    [
      { drain: { timeoutSeconds: 20 }, terminationGracePeriodSeconds: 20 },
      [
        'services.web.drain.timeoutSeconds is 20, wanted less than terminationGracePeriodSeconds, which is 20',
      ],
    ],
    ...[3, 'QUIT', 'SIGKILL', 'sigterm'].map((stopSignal): [object, string[]] => [
      { lifecycle: { stopSignal } },
      [
        `services.web.lifecycle.stopSignal is ${JSON.stringify(stopSignal)}, wanted the name of a signal that can be handled, such as 'SIGQUIT'`,
      ],
    ]),
    [
      { readinessProbe: {} },
      ['services.web.readinessProbe has no handler, wanted exactly one of httpGet, tcpSocket, exec, notify'],
    ],
    [
      { readinessProbe: { tcpSocket: { port: 1 }, notify: {} } },
      [
        'services.web.readinessProbe has tcpSocket and notify, wanted exactly one of httpGet, tcpSocket, exec, notify',
      ],
    ],
    [
      { readinessProbe: { httpGet: { port: 0 } } },
      [
        `services.web.readinessProbe.httpGet.port is 0, wanted a listener's name or a port number from 1 to 65535`,
      ],
    ],
    [
      { readinessProbe: { httpGet: { port: 1, path: 'x' } } },
      ['services.web.readinessProbe.httpGet.path is "x", wanted a path that starts with "/"'],
    ],
    [
      { readinessProbe: { notify: {}, periodSeconds: 0 } },
      [
        'services.web.readinessProbe.periodSeconds is 0, wanted a number of seconds, more than 0, at most 2000000',
      ],
    ],
    [
      { listen: { http: 1, other: 2 }, readinessProbe: { httpGet: { port: 'htp' } } },
      [
        'services.web.readinessProbe.httpGet.port is "htp", wanted the name of a listener (there is http, other) or a port number, did you mean "http"?',
      ],
    ],
    [
      { readinessProbe: { tcpSocket: { port: 'http' } }, discover: false },
      [
        'services.web.readinessProbe.tcpSocket.port is "http", wanted the name of a listener (there is none) or a port number',
      ],
    ],
    [
      { readinessProbe: { httpGet: {} }, discover: false },
      [
        'services.web.readinessProbe.httpGet.port is missing, wanted the name of a listener (there is none) or a port number',
      ],
    ],
    [
      { readinessProbe: { httpGet: { host: 'db' } } },
      ['services.web.readinessProbe.httpGet.port is missing though host is set, wanted a port number'],
    ],
    [
      { listen: { web: 1 }, readinessProbe: { httpGet: { port: 'http' } } },
      [
        'services.web.readinessProbe.httpGet.port is "http", wanted the name of a listener (there is web) or a port number',
      ],
    ],
    [{ discover: 'no' }, ['services.web.discover is "no", wanted true or false']],
    [
      { listen: { dns: 'udp:53' }, readinessProbe: { tcpSocket: { port: 'dns' } } },
      ['services.web.readinessProbe.tcpSocket.port is "dns", a UDP listener, wanted a TCP or unix one'],
    ],
    ...[0, '300', 1024 * 1024 - 1, '-300Mi', '300m', '300MB', '1 Gi', true, '9999999Ti'].map(
      (maxMemory): [object, string[]] => [
        { maxMemory },
        [
          `services.web.maxMemory is ${JSON.stringify(maxMemory)}, wanted an amount of memory ('300Mi', '1.5Gi', '500M' or a number of bytes), at least 1Mi`,
        ],
      ],
    ),
    [
      { livenessProbe: { exec: { command: 'x' }, successThreshold: 2 } },
      ['services.web.livenessProbe.successThreshold is 2, wanted 1: only a readinessProbe counts successes'],
    ],
    [
      { livenessProbe: { notify: {} } },
      [
        'services.web.livenessProbe.notify is set, wanted httpGet, tcpSocket or exec: READY=1 is sent once and does not show that the instance is still alive',
      ],
    ],
  ]
  for (const [input, expected] of fields) {
    test(JSON.stringify(input).slice(0, 80), () => {
      assert.deepEqual(problemsOf(validate(web(input))), expected)
    })
  }
})

describe('validateConfig() sees no conflict between', () => {
  const pairs: [unknown, unknown][] = [
    [0, 0],
    ['127.0.0.1:1', '127.0.0.2:1'],
    ['0.0.0.0:1', '[::1]:1'],
    [1, 'udp:1'],
    [1, 2],
    ['unix:/a', 'unix:/b'],
  ]
  for (const [a, b] of pairs) {
    test(`${JSON.stringify(a)} and ${JSON.stringify(b)}`, () => {
      assert.equal(Object.keys(validSpec({ listen: { a, b } }).listen).length, 2)
    })
  }
})
