import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { firstTcpPort } from '../../dist/adapters/launch/index.js'
import { path, planOf, preloadPath, problemOf, releaseOf } from './launch-rig.js'

const preload = `--require ${preloadPath}`

test('prepareLaunch() preloads the library into a Node program', (t) => {
  const release = releaseOf(t, { 'app.js': '' })
  assert.deepEqual(
    planOf(
      release,
      ['node', 'app.js', '-v'],
      {},
      { baseEnv: { PATH: path, HOME: '/h' }, firstTcpPort: 3000 },
    ),
    {
      argv: [process.execPath, 'app.js', '-v'],
      cwd: release,
      env: { PATH: path, HOME: '/h', PORT: '3000', NODE_OPTIONS: preload },
      hasLibrary: true,
    },
  )
})

describe('prepareLaunch() distinguishes Node programs from others', () => {
  const files = {
    'app.js*': '#!/usr/bin/env node\n',
    'flags.js*': '#!/usr/bin/env -S node --enable-source-maps\n',
    'direct*': `#!${process.execPath}\n`,
    'run.sh*': '#!/bin/sh\n',
    'run.bash*': '#!/usr/bin/env bash\n',
    'binary*': 'ELF',
  }
  const table: [string[], boolean, boolean][] = [
    [['./app.js'], true, true],
    [['./flags.js'], true, true],
    [['./direct'], true, true],
    [[process.execPath, 'app.js'], true, true],
    [['./run.sh'], false, true],
    [['./run.bash'], false, true],
    [['./binary'], false, false],
    [['sh', '-c', 'node app.js'], false, true],
    [['nice', 'node', 'app.js'], false, true],
  ]
  for (const [command, isNode, mayRunNode] of table) {
    test(command.join(' '), (t) => {
      const plan = planOf(releaseOf(t, files), command)
      assert.equal(plan.hasLibrary, isNode)
      assert.equal(plan.env['NODE_OPTIONS'], mayRunNode ? preload : undefined)
    })
  }
})

test('prepareLaunch() does not preload the library when the service does not want it or it is not installed', (t) => {
  const release = releaseOf(t, { 'app.js': '' })
  const plans = [
    planOf(release, ['node', 'app.js'], { register: false }),
    planOf(release, ['node', 'app.js'], {}, { preload: null }),
  ]
  for (const plan of plans) {
    assert.equal(plan.hasLibrary, false)
    assert.equal(plan.env['NODE_OPTIONS'], undefined)
  }
})

test('prepareLaunch() detects that an application has the library as a dependency', (t) => {
  const release = releaseOf(t, {
    'app.js': '',
    'node_modules/@handover/process/package.json': { name: '@handover/process', main: 'index.js' },
    'node_modules/@handover/process/index.js': '',
  })
  assert.equal(planOf(release, ['node', 'app.js'], { register: false }).hasLibrary, true)
})

describe('prepareLaunch() keeps the NODE_OPTIONS of the user', () => {
  const table: [string, string, string][] = [
    ['--max-old-space-size=100', preloadPath, `${preload} --max-old-space-size=100`],
    [`${preload} --no-warnings`, preloadPath, `${preload} --no-warnings`],
    ['', '/a b/"c\\d.js', '--require "/a b/\\"c\\\\d.js"'],
  ]
  for (const [own, url, expected] of table) {
    test(`${own} ${url}`, (t) => {
      const release = releaseOf(t, { 'app.js': '' })
      const plan = planOf(release, ['node', 'app.js'], { env: { NODE_OPTIONS: own } }, { preload: url })
      assert.equal(plan.env['NODE_OPTIONS'], expected)
    })
  }
})

test('prepareLaunch() quotes NODE_OPTIONS so that Node reads them', (t) => {
  const release = releaseOf(t, {
    'app.js': 'console.log(globalThis.preloaded)',
    'my "own" hook.cjs': 'globalThis.preloaded = true',
  })
  const plan = planOf(release, ['node', 'app.js'], {}, { preload: join(release, 'my "own" hook.cjs') })
  const [program = '', ...words] = plan.argv
  assert.equal(execFileSync(program, words, { cwd: plan.cwd, env: plan.env, encoding: 'utf8' }), 'true\n')
})

test('prepareLaunch() removes the variables that were meant for the supervisor', (t) => {
  const own = {
    LISTEN_FDS: '1',
    LISTEN_PID: '2',
    LISTEN_FDNAMES: 'x',
    NOTIFY_SOCKET: '/x',
    WATCHDOG_USEC: '1',
    WATCHDOG_PID: '1',
    HANDOVER_HOME: '/x',
    HANDOVER_INSTANCE: 'x',
    NODE_CHANNEL_FD: '3',
  }
  const baseEnv = { PATH: path, KEEP: 'me', INVOCATION_ID: 'x', ...own }
  const { env } = planOf(releaseOf(t, {}), ['true'], {}, { baseEnv })
  assert.deepEqual(env, { PATH: path, KEEP: 'me', INVOCATION_ID: 'x' })
})

test('prepareLaunch() reads env files again each time; later files win, and `env` of the service overrides them all', (t) => {
  const release = releaseOf(t, {
    'a.env': '# comment\nA=file a\nB="two\\nlines"\nexport C=\'single $A\'\nPORT=1\n',
    'b.env': 'A=file b\nD=file b\n',
  })
  const envFiles = [join(release, 'a.env'), join(release, 'b.env')]
  const env = () => planOf(release, ['true'], { envFiles, env: { D: 'spec' } }, { firstTcpPort: 3000 }).env
  assert.deepEqual(env(), { PATH: path, A: 'file b', B: 'two\nlines', C: 'single $A', D: 'spec', PORT: '1' })
  writeFileSync(join(release, 'b.env'), 'A=changed\n')
  assert.equal(env()['A'], 'changed')
})

test('prepareLaunch() overrides an inherited PORT, but not one in `env` of the service', (t) => {
  const release = releaseOf(t, {})
  const context = { baseEnv: { PATH: path, PORT: '9' }, firstTcpPort: 3000 }
  assert.equal(planOf(release, ['sh'], {}, context).env['PORT'], '3000')
  assert.equal(planOf(release, ['sh'], { env: { PORT: '1' } }, context).env['PORT'], '1')
})

test('prepareLaunch() finds programs like execvp(3)', (t) => {
  const release = releaseOf(t, {
    'bin/tool*': '#!/bin/sh\n',
    'other/tool': 'not executable',
    'tool*': '#!/bin/sh\n',
  })
  const env = { PATH: 'other:bin:/usr/bin:/bin' }
  assert.equal(planOf(release, ['tool'], { env }).argv[0], join(release, 'bin/tool'))
  assert.equal(planOf(release, ['./tool'], { env }).argv[0], join(release, 'tool'))
  assert.equal(planOf(release, ['bin/tool'], { env }).argv[0], join(release, 'bin/tool'))
  assert.match(planOf(release, ['sh'], {}, { baseEnv: {} }).argv[0] ?? '', /^\/(usr\/)?bin\/sh$/)
  assert.equal(planOf(release, ['node'], { env: { PATH: '/nowhere' } }).argv[0], process.execPath)
})

test('prepareLaunch() follows a release link again each time, and keeps the name of a linked program', (t) => {
  const release = releaseOf(t, { 'busy*': '#!/bin/sh\n' })
  symlinkSync('busy', join(release, 'applet'))
  assert.equal(planOf(release, ['./applet']).argv[0], join(release, 'applet'))
})

describe('prepareLaunch() says why a command cannot start', () => {
  const files = {
    'app.js': '',
    'plain.js': '#!/usr/bin/env node\n',
    'data.txt': '',
    'folder/x': '',
    'lost*': '#!/opt/no/such/python\n',
    'lost-env*': '#!/usr/bin/env no-such-python\n',
    'windows*': '#!/bin/sh\r\n',
    'dull*': '#!/etc/passwd\n',
  }
  const table: [string[], string | RegExp][] = [
    [['nope'], 'the program "nope" is not on the PATH'],
    [['app.js'], 'the program "app.js" is not on the PATH; the file beside it is called "./app.js"'],
    [['./nope'], /^the program "\.\/nope" does not exist \(looked for "\/.*\/nope"\)$/],
    [['./folder'], /^the program "\.\/folder" is a folder \("\/.*\/folder"\)$/],
    [['./plain.js'], 'the program "./plain.js" is not executable: write "node ./plain.js", or chmod +x it'],
    [
      ['./data.txt'],
      'the program "./data.txt" is not executable: chmod +x it, or name the program that runs it',
    ],
    [['./lost'], 'the program "./lost" names the interpreter "/opt/no/such/python", which does not exist'],
    [
      ['./lost-env'],
      'the program "./lost-env" names the interpreter "no-such-python", which is not on the PATH',
    ],
    [['./dull'], 'the program "./dull" names the interpreter "/etc/passwd", which is not executable'],
    [
      ['./windows'],
      'the program "./windows" has a "#!/bin/sh" line with a Windows line ending, wanted no carriage return',
    ],
    [['node', 'nope.js'], /^the script "nope\.js" does not exist \(looked for "\/.*\/nope\.js"\)$/],
    [['node', '--no-warnings', '-r', './app.js', 'nope.js'], /^the script "nope\.js" does not exist/],
    [[''], 'the command is empty'],
  ]
  for (const [command, expected] of table) {
    test(command.join(' '), (t) => {
      const problem = problemOf(releaseOf(t, files), command)
      if (typeof expected === 'string') assert.equal(problem, expected)
      else assert.match(problem, expected)
    })
  }

  test('the folder does not exist', (t) => {
    const gone = join(releaseOf(t, {}), 'gone')
    assert.equal(problemOf(gone, ['sh']), `the folder "${gone}" does not exist`)
  })

  test('an env file does not exist', (t) => {
    const release = releaseOf(t, {})
    const file = join(release, 'no.env')
    assert.equal(
      problemOf(release, ['sh'], { envFiles: [file] }),
      `the environment file "${file}" cannot be read: it does not exist`,
    )
  })
})

describe('prepareLaunch() leaves alone what it need not understand', () => {
  for (const command of [
    ['node', '-e', '0'],
    ['node', '-p', '1'],
    ['node', '--test'],
    ['node', '-'],
    ['node', 'app'],
  ]) {
    test(command.join(' '), (t) => {
      const plan = planOf(releaseOf(t, { 'app.js': '' }), command)
      assert.deepEqual(plan.argv.slice(1), command.slice(1))
      assert.equal(plan.note, undefined)
    })
  }
})

test('firstTcpPort() is the bound port of the first TCP listener', () => {
  const udp = { spec: { type: 'udp', host: '::', port: 53 }, address: '[::]:53' } as const
  const tcp = { spec: { type: 'tcp', host: '::', port: 0, backlog: 1 }, address: '[::]:34567' } as const
  assert.equal(firstTcpPort([udp, tcp]), 34567)
  assert.equal(firstTcpPort([udp]), undefined)
})

describe('prepareLaunch() skips a folder of PATH, as a shell does, when it', () => {
  const unable: Record<string, (folder: string) => void> = {
    'is a file': (folder) => writeFileSync(folder, ''),
    'does not exist': () => {},
    'is a link to itself': (folder) => symlinkSync(folder, folder),
    'has a folder of that name': (folder) => mkdirSync(join(folder, 'node'), { recursive: true }),
    'has a file of that name that is not executable': (folder) => {
      mkdirSync(folder)
      writeFileSync(join(folder, 'node'), '')
    },
    'has a name that is too long': () => {},
  }
  for (const [name, make] of Object.entries(unable)) {
    test(name, (t) => {
      const release = releaseOf(t, { 'app.js': '', 'tool.js*': '#!/usr/bin/env node\n' })
      const folder = join(release, name.includes('long') ? 'x'.repeat(300) : 'bin')
      make(folder)
      const context = { baseEnv: { PATH: `${folder}:${path}` } }
      assert.equal(planOf(release, ['node', 'app.js'], {}, context).argv[0], process.execPath)
      assert.equal(planOf(release, ['./tool.js'], {}, context).hasLibrary, true)
      assert.match(
        problemOf(release, ['no-such-program'], {}, context),
        /^the program "no-such-program" is not on the PATH$/,
      )
    })
  }
})

test(
  'prepareLaunch() passes over a program that the user of the service may not reach, if there is another',
  { skip: process.getuid?.() === 0 ? false : 'only root can start a program as another user' },
  (t) => {
    const release = releaseOf(t, { 'app.js': '', 'secret/bin/node*': '', 'secret/bin/only*': '' })
    chmodSync(release, 0o755)
    chmodSync(join(release, 'secret'), 0o700)
    const context = { baseEnv: { PATH: `${release}/secret/bin:${path}` } }
    const nodeFor = (user?: string) => planOf(release, ['node', 'app.js'], { user }, context).argv[0]
    assert.equal(nodeFor('nobody'), process.execPath)
    assert.equal(nodeFor(), `${release}/secret/bin/node`)
    assert.equal(planOf(release, ['only'], { user: 'nobody' }, context).argv[0], `${release}/secret/bin/only`)
    chmodSync(join(release, 'secret'), 0o711)
    assert.equal(nodeFor('nobody'), `${release}/secret/bin/node`)
  },
)

test(
  'prepareLaunch() skips a folder of PATH that the user may not enter',
  { skip: process.getuid?.() === 0 ? false : 'only root can become another user' },
  (t) => {
    const release = releaseOf(t, { 'app.js': '', 'secret/bin/node*': '' })
    chmodSync(release, 0o755)
    chmodSync(join(release, 'secret'), 0o700)
    const context = { baseEnv: { PATH: `${release}/secret/bin:${path}` } }
    process.seteuid?.(65534)
    try {
      assert.equal(planOf(release, ['node', 'app.js'], {}, context).argv[0], process.execPath)
      assert.equal(
        problemOf(release, ['no-such-program'], {}, context),
        `the program "no-such-program" is not on the PATH, of which this user may not enter "${release}/secret/bin"`,
      )
      assert.match(problemOf(release, ['./secret/bin/node']), /is in a folder that this user may not enter/)
      assert.match(problemOf(join(release, 'secret/bin'), ['node']), /is in one that this user may not enter/)
    } finally {
      process.seteuid?.(0)
    }
  },
)
