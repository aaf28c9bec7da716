import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { planOf, problemOf, releaseOf } from './launch-rig.js'

const scripts = {
  start: 'node server.js',
  dev: 'NODE_ENV=development PORT=4000 node server.js --dev',
  cross: 'cross-env NODE_ENV=production node server.js',
  nested: 'npm run dev -- --again',
  exec: 'exec node server.js',
  quoted: 'node "server.js" --title=\'two words\'',
  local: 'serve --port 1',
  ts: 'tsx server.ts',
  'a:b': 'node server.js',
  piped: 'node server.js | pino-pretty',
  both: 'npm run build && node server.js',
  built: 'node server.js',
  prebuilt: 'tsc',
  round: 'npm run round',
}
const files = {
  'package.json': { name: '@acme/shop', version: '1.2.3', scripts },
  'server.js': '',
  '.env': "A=file\nB='two words'\n",
  'other.env': 'A=other\nC=3\n',
  'dollar.env': 'A=$HOME\n',
  '.env.local': 'A=local\n',
  '.env.test': 'A=test\nC=test\n',
  'vars.json': { A: 'json', C: 1 },
  '.env-cmdrc': { base: { A: 'base', B: 'base' }, live: { A: 'live' } },
  'node_modules/concurrently/bin.js*': '#!/usr/bin/env node\n',
  'node_modules/serve/cli.js*': '#!/usr/bin/env node\n',
  'node_modules/tsx/package.json': { name: 'tsx', version: '4.0.0' },
  // The format that pnpm writes (cmd-shim).
  'node_modules/.bin/shimmed*': [
    '#!/bin/sh',
    `basedir=$(dirname "$(echo "$0" | sed -e 's,\\\\,/,g')")`,
    'if [ -x "$basedir/node" ]; then',
    '  exec "$basedir/node"  "$basedir/../serve/cli.js" "$@"',
    'else',
    '  exec node  "$basedir/../serve/cli.js" "$@"',
    'fi',
  ].join('\n'),
}

describe('prepareLaunch() runs directly what a launcher would run', () => {
  const table: [string, string[]][] = [
    ['npm start', ['node', 'server.js']],
    ['npm --silent start', ['node', 'server.js']],
    ['npm start -- --flag', ['node', 'server.js', '--flag']],
    ['npm run dev', ['node', 'server.js', '--dev']],
    ['npm run -s a:b', ['node', 'server.js']],
    ['npm run cross', ['node', 'server.js']],
    ['npm run nested', ['node', 'server.js', '--dev', '--again']],
    ['npm run exec', ['node', 'server.js']],
    ['npm run quoted', ['node', 'server.js', '--title=two words']],
    ['npm run local', ['<release>/node_modules/.bin/serve', '--port', '1']],
    ['npm run ts', ['node', '--import', 'tsx', 'server.ts']],
    ['npm exec -- serve -v', ['<release>/node_modules/.bin/serve', '-v']],
    ['yarn start', ['node', 'server.js']],
    ['yarn dev', ['node', 'server.js', '--dev']],
    ['yarn run dev', ['node', 'server.js', '--dev']],
    ['yarn serve', ['<release>/node_modules/.bin/serve']],
    ['pnpm start', ['node', 'server.js']],
    ['pnpm run dev', ['node', 'server.js', '--dev']],
    ['pnpm exec shimmed -v', ['node', '<release>/node_modules/serve/cli.js', '-v']],
    ['npx serve -v', ['<release>/node_modules/.bin/serve', '-v']],
    ['npx --yes serve@3 -v', ['<release>/node_modules/.bin/serve', '-v']],
    ['npx shimmed', ['node', '<release>/node_modules/serve/cli.js']],
    ['bunx serve', ['<release>/node_modules/.bin/serve']],
    ['node_modules/.bin/shimmed', ['node', '<release>/node_modules/serve/cli.js']],
    ['tsx server.ts', ['node', '--import', 'tsx', 'server.ts']],
    ['node_modules/.bin/tsx server.ts', ['node', '--import', 'tsx', 'server.ts']],
    ['nodemon server.js', ['node', 'server.js']],
    ['nodemon --watch src -e js,ts --inspect server.js -v', ['node', '--inspect', 'server.js', '-v']],
    ['nodemon --exec tsx server.ts', ['node', '--import', 'tsx', 'server.ts']],
    ['pm2-runtime server.js', ['node', 'server.js']],
    ['pm2-runtime start server.js -i 4 --name x -- --flag', ['node', 'server.js', '--flag']],
    ['cross-env A=1 node server.js', ['node', 'server.js']],
    ['cross-env-shell A=1 node server.js', ['sh', '-c', 'node server.js']],
    ['corepack pnpm@9 start', ['node', 'server.js']],
    ['pnpx serve', ['<release>/node_modules/.bin/serve']],
    ['tsx --tsconfig other.json --no-cache server.ts', ['node', '--import', 'tsx', 'server.ts']],
    ['dotenv -c test -- node server.js', ['node', 'server.js']],
    ['tini -s -- node server.js', ['node', 'server.js']],
    ['dumb-init --single-child node server.js', ['node', 'server.js']],
    ['catatonit -- tini npm start', ['node', 'server.js']],
    ['env -u B A=1 node server.js A=2', ['node', 'server.js', 'A=2']],
    ['time -p node server.js -p', ['node', 'server.js', '-p']],
    ['exec -a web node server.js', ['node', 'server.js']],
    ['dotenv -- node server.js', ['node', 'server.js']],
    ['dotenv -e .env -e other.env -v A=1 -- npm start', ['node', 'server.js']],
    ['dotenvx run -f .env -- node server.js', ['node', 'server.js']],
    ['env-cmd -f .env node server.js -f', ['node', 'server.js', '-f']],
    ['node --watch server.js', ['node', 'server.js']],
    [
      'node --watch-path src --no-warnings --watch-preserve-output server.js --watch',
      ['node', '--no-warnings', 'server.js', '--watch'],
    ],
  ]
  for (const [command, expected] of table) {
    test(command, (t) => {
      const release = releaseOf(t, { ...files, 'server.ts': '' })
      symlinkSync('../serve/cli.js', join(release, 'node_modules/.bin/serve'))
      const plan = planOf(release, command.split(' '))
      const argv = expected.map((word) => word.replace('<release>', release))
      const programs: Record<string, string> = { node: process.execPath, sh: '/usr/bin/sh' }
      assert.deepEqual(plan.argv, [programs[argv[0] ?? ''] ?? argv[0], ...argv.slice(1)])
      assert.equal(plan.hasLibrary, argv[0] !== 'sh')
    })
  }
})

test('prepareLaunch() sets the variables that dotenv and env-cmd would set', (t) => {
  const release = releaseOf(t, files)
  const variables = (command: string, env = {}) => {
    const { A, B, C } = planOf(release, command.split(' '), { env }).env
    return [A, B, C]
  }
  assert.deepEqual(variables('dotenv -e .env -e other.env -- node server.js'), ['file', 'two words', '3'])
  assert.deepEqual(variables('dotenv -- node server.js', { A: 'own' }), ['own', 'two words', undefined])
  assert.deepEqual(variables('dotenv -o -v C=x -- node server.js', { A: 'own' }), ['file', 'two words', 'x'])
  assert.deepEqual(variables('env-cmd node server.js', { A: 'own' }), ['file', 'two words', undefined])
  assert.deepEqual(variables('env-cmd --no-override node server.js', { A: 'own' })[0], 'own')
  assert.deepEqual(variables('dotenv -c -- node server.js'), ['local', 'two words', undefined])
  assert.deepEqual(variables('dotenv -c test -- node server.js'), ['local', 'two words', 'test'])
  assert.deepEqual(variables('dotenv --no-expand -e dollar.env -- node server.js')[0], '$HOME')
  assert.deepEqual(variables('env-cmd -f dollar.env node server.js')[0], '$HOME')
  assert.deepEqual(variables('env-cmd -f vars.json node server.js'), ['json', undefined, '1'])
  assert.deepEqual(variables('env-cmd -e base,live node server.js'), ['live', 'base', undefined])
  assert.deepEqual(variables('env -u A B=1 node server.js', { A: 'own', C: '2' }), [undefined, '1', '2'])
  assert.deepEqual(variables('env -i B=1 node server.js', { A: 'own' }), [undefined, '1', undefined])
  assert.equal(
    problemOf(release, ['env-cmd', '-e', 'none', 'node', 'server.js']),
    '"env-cmd" reads ".env-cmdrc", which has no section "none"',
  )
  assert.match(
    problemOf(release, ['env-cmd', '-f', 'no.env', 'node', 'server.js']),
    /reads "no.env", which cannot be read/,
  )
  assert.match(
    problemOf(release, ['dotenv', '-e', 'dollar.env', '--', 'node', 'server.js']),
    /whose "A" refers to another variable/,
  )
  assert.match(
    problemOf(release, ['env-cmd', '-x', 'node', 'server.js']),
    /"env-cmd" has the option "-x", wanted the command itself/,
  )
})

test('prepareLaunch() notes the program that it runs instead of the launcher', (t) => {
  const plan = planOf(releaseOf(t, files), ['npm', 'run', 'nested'])
  assert.equal(
    plan.note,
    '"npm run nested" is run directly as "node server.js --dev --again", since npm does not pass listeners on',
  )
})

test('prepareLaunch() runs as written what executes the program in its place, or has an option that is not known', (t) => {
  const release = releaseOf(t, files)
  for (const command of ['env -C . node server.js', 'nice -n 1 node server.js']) {
    const plan = planOf(release, command.split(' '))
    assert.deepEqual(plan.argv.slice(1), command.split(' ').slice(1))
    assert.equal(plan.note, undefined)
    assert.match(plan.env['NODE_OPTIONS'] ?? '', /--require/)
  }
})

test('prepareLaunch() sets the same environment for a script as npm', (t) => {
  const release = releaseOf(t, files)
  const { env } = planOf(release, ['npm', 'run', 'dev'], {}, { firstTcpPort: 3000 })
  assert.equal(env['npm_lifecycle_event'], 'dev')
  assert.equal(env['npm_lifecycle_script'], scripts.dev)
  assert.equal(env['npm_package_name'], '@acme/shop')
  assert.equal(env['npm_package_version'], '1.2.3')
  assert.equal(env['npm_package_json'], join(release, 'package.json'))
  assert.equal(env['INIT_CWD'], release)
  assert.ok(env['PATH']?.startsWith(`${release}/node_modules/.bin:`))
  assert.equal(env['NODE_ENV'], 'development')
  assert.equal(env['PORT'], '4000')
})

test('prepareLaunch() passes the same arguments to a script as npm', (t) => {
  const print = 'console.log(JSON.stringify([process.argv.slice(2), process.env.npm_lifecycle_event]))'
  const release = releaseOf(t, {
    'package.json': { name: 'x', version: '1.0.0', scripts: { show: `node show.js 'a b' "c d" e\\ f g=1` } },
    'show.js': print,
  })
  const npm = execFileSync('npm', ['run', '--silent', 'show', '--', 'last one'], {
    cwd: release,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const { argv, env, cwd } = planOf(release, ['npm', 'run', 'show', '--', 'last one'], { register: false })
  const [program = '', ...words] = argv
  assert.equal(execFileSync(program, words, { cwd, env, encoding: 'utf8' }), npm)
})

test('prepareLaunch() runs server.js for npm start when there is no start script, like npm', (t) => {
  const release = releaseOf(t, { 'package.json': {}, 'server.js': '' })
  assert.deepEqual(planOf(release, ['npm', 'start']).argv.slice(1), ['server.js'])
})

describe('prepareLaunch() says what to write when a launcher cannot be replaced', () => {
  const table: [string, string | RegExp][] = [
    [
      'npm run piped',
      `"npm run piped" cannot be run directly: "node server.js | pino-pretty" needs a shell for "|"`,
    ],
    [
      'npm run both',
      /^"npm run both" cannot be run directly: .*needs a shell for "&", and npm does not pass listeners on: write what serves as the command/,
    ],
    [
      'npm run built',
      '"npm run built" would run the script "prebuilt" too, with every instance: run that when the release is built, and write the command "node server.js" itself',
    ],
    ['npm run round', '"npm run round" is a loop: more than 10 scripts call one another'],
    ['npm run nope', /^"npm run nope" names no script of ".*\/package\.json", which has start, dev, /],
    ['npm test', '"npm test" names no script to run, wanted one, or the command itself'],
    ['npm', '"npm" names no script to run, wanted one, or the command itself'],
    ['yarn', '"yarn" names no script to run, wanted one, or the command itself'],
    [
      'npm --prefix other start',
      '"npm --prefix other start" has the option "--prefix", wanted the command itself: npm does not pass listeners on',
    ],
    [
      'npx not-installed',
      /^"npx not-installed" runs a command that is not installed in ".*", wanted node_modules\/\.bin\/not-installed$/,
    ],
    [
      'tsx watch server.ts',
      '"tsx watch" restarts the service by itself, wanted "tsx" alone: an upgrade brings the new version',
    ],
    [
      'nodemon --odd server.js',
      '"nodemon" has the option "--odd", wanted the command itself: nodemon does not pass listeners on',
    ],
    ['nodemon', '"nodemon" has no script'],
    ['tini --', '"tini" has no command'],
    [
      'pm2-runtime ecosystem.config.js',
      '"pm2-runtime ecosystem.config.js" names a PM2 configuration, wanted the script that it starts',
    ],
  ]
  for (const [command, expected] of table) {
    test(command, (t) => {
      const problem = problemOf(releaseOf(t, files), command.split(' '))
      if (typeof expected === 'string') assert.ok(problem.startsWith(expected), problem)
      else assert.match(problem, expected)
    })
  }

  test('a Node program that runs others as its children', (t) => {
    const release = releaseOf(t, files)
    symlinkSync('../concurrently/bin.js', join(release, 'node_modules/.bin/concurrently'))
    assert.equal(
      problemOf(release, ['npx', 'concurrently', 'node a.js', 'node b.js']),
      '"concurrently node a.js node b.js" runs the service as its child, which gets no listeners, wanted the command of one program, and a service for each of the others',
    )
  })

  test('a signal that Node cannot handle', (t) => {
    const release = releaseOf(t, files)
    const problem = problemOf(release, ['node', 'server.js'], { lifecycle: { stopSignal: 'SIGRTMIN+3' } })
    assert.equal(
      problem,
      'lifecycle.stopSignal is "SIGRTMIN+3", which a Node program cannot handle, wanted a signal that is not real-time, such as "SIGTERM"',
    )
  })

  test('tsx is not installed', (t) => {
    const release = releaseOf(t, { 'server.ts': '' })
    assert.equal(
      problemOf(release, ['tsx', 'server.ts']),
      `"tsx" is not installed in "${release}", wanted it among the dependencies of the release`,
    )
  })

  test('there is no package.json', (t) => {
    const release = releaseOf(t, {})
    assert.equal(problemOf(release, ['npm', 'start']), `there is no "${release}/package.json"`)
  })
})

describe('prepareLaunch() runs TypeScript', () => {
  const strips = Boolean((process.features as { typescript?: unknown }).typescript)
  const tsx = { 'node_modules/tsx/package.json': { name: 'tsx' } }

  test('through Node itself where it strips types', { skip: strips ? false : 'this Node does not' }, (t) => {
    assert.deepEqual(planOf(releaseOf(t, { 'a.ts': '', ...tsx }), ['node', 'a.ts']).argv.slice(1), ['a.ts'])
  })

  test('through tsx where the release has it', { skip: strips ? 'this Node strips types' : false }, (t) => {
    const plan = planOf(releaseOf(t, { 'a.ts': '', ...tsx }), ['node', 'a.ts', '-v'])
    assert.deepEqual(plan.argv.slice(1), ['--import', 'tsx', 'a.ts', '-v'])
  })

  test('and says what is missing', { skip: strips ? 'this Node strips types' : false }, (t) => {
    assert.equal(
      problemOf(releaseOf(t, { 'a.ts': '' }), ['node', 'a.ts']),
      `"a.ts" is TypeScript, which ${process.execPath} does not run: use Node 22.18 or later, install tsx in the release, or compile it`,
    )
  })

  test('with the loader that the user has chosen', (t) => {
    const command = ['node', '--import', './loader.mjs', 'a.ts']
    assert.deepEqual(planOf(releaseOf(t, { 'a.ts': '' }), command).argv.slice(1), command.slice(1))
  })
})
