import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { findConfig, isConfigFile, loadConfig } from '../../dist/config/load.js'
import { fixtures, folderFor, problemsOf, valueOf } from './support.js'

describe('loadConfig() reads', () => {
  const files = [
    'typed.config.ts',
    'enum.config.ts',
    'module.config.mjs',
    'common.config.cjs',
    'promise.config.mjs',
    'good.yaml',
    'good.json',
  ]
  for (const file of files) {
    test(file, async () => {
      const config = valueOf(await loadConfig(file, fixtures))
      assert.equal(config.file, join(fixtures, file))
      assert.deepEqual(
        config.services.map(({ name, command }) => ({ name, command })),
        [{ name: 'web', command: ['node', 'server.js'] }],
      )
      assert.deepEqual(config.notes, [])
    })
  }
})

describe('loadConfig() says what is wrong with', () => {
  const table: [string, (string | RegExp)[]][] = [
    ['nowhere.yaml', ['there is no configuration file "nowhere.yaml"']],
    [
      'config.toml',
      [
        'the configuration "config.toml" ends in ".toml", wanted one of .ts .mts .mjs .js .cjs .json .yaml .yml',
      ],
    ],
    ['throws.config.mjs', ['throws.config.mjs:3:7: throws RangeError: more than 3']],
    ['throws-text.config.mjs', ['throws-text.config.mjs: throws "nothing good"']],
    ['exits.config.mjs', ['exits.config.mjs exited with code 3, wanted it to export a configuration']],
    ['never.config.mjs', ['never.config.mjs has a top-level await that never settles']],
    [
      'nothing.config.mjs',
      ['nothing.config.mjs: exports nothing, wanted "export default defineConfig({ … })"'],
    ],
    ['function.config.mjs', ['function.config.mjs: services.web.command is a function, wanted plain data']],
    ['date.config.mjs', ['date.config.mjs: services.web.env.SINCE is a Date, wanted plain data']],
    [
      'cycle.config.mjs',
      [
        'cycle.config.mjs: services.web.services is a reference to an object that contains it, wanted plain data',
      ],
    ],
    [
      'invalid.config.mjs',
      [`invalid.config.mjs: services.web.replicas is "two", wanted a whole number, 0 or more, or 'max'`],
    ],
    [
      'missing.config.mjs',
      [
        `missing.config.mjs: throws Error: Cannot find package 'not-there' imported from ${fixtures}missing.config.mjs`,
      ],
    ],
    [
      'invalid.yaml',
      [
        `invalid.yaml:7:30: services.web.listen.admin.mode is 660, wanted the permission bits as octal digits in quotes, such as '0660'`,
        `invalid.yaml:4:5: services.web.replicas is "two", wanted a whole number, 0 or more, or 'max'`,
        'invalid.yaml:9:5: services.web has no field "minReadySecond", did you mean "minReadySeconds"?',
      ],
    ],
    ['twice.yaml', ['twice.yaml:3:3: Map keys must be unique']],
    [
      'invalid.json',
      [`invalid.json:3:37: services.web.replicas is -1, wanted a whole number, 0 or more, or 'max'`],
    ],
    ['twice.json', ['twice.json:3:3: the field occurs twice']],
    ['throws.config.ts', [/^throws\.config\.ts:3:\d+: throws RangeError: more than 3$/]],
  ]
  for (const [file, expected] of table) {
    test(file, async () => {
      const problems = problemsOf(await loadConfig(file, fixtures))
      assert.equal(problems.length, expected.length, problems.join('\n'))
      expected.forEach((wanted, index) => {
        if (typeof wanted === 'string') assert.equal(problems[index], wanted)
        else assert.match(problems[index] ?? '', wanted)
      })
    })
  }
})

describe('loadConfig() says where a file cannot be parsed', () => {
  // What stands after the place is a parser's, or V8's, and differs from one version to the next.
  const table: [string, string, RegExp][] = [
    [
      'a.config.mjs',
      'export default {\n  services: ,\n}\n',
      /^a\.config\.mjs:2: throws SyntaxError: Unexpected token ','$/,
    ],
    ['a.config.ts', 'const limit: number = ;\n', /^a\.config\.ts:1(:\d+)?: throws /],
    [
      'a.yaml',
      'services:\n  web: { script: a.js\n  api: 3\n',
      /^a\.yaml:3:3: Flow map in block collection must/,
    ],
    [
      'a.json',
      '{\n  "services": {\n    "web": { "replicas": 1, }\n  }\n}\n',
      /^a\.json:3:29: invalid JSON: \w/,
    ],
    ['cut.json', '{\n  "services": {\n', /^cut\.json:3:1: invalid JSON: \w/],
  ]
  for (const [file, text, expected] of table) {
    test(file, async (t) => {
      const folder = folderFor(t)
      writeFileSync(join(folder, file), text)
      const problems = problemsOf(await loadConfig(file, folder))
      assert.equal(problems.length, 1)
      assert.match(problems[0] ?? '', expected)
    })
  }
})

test('loadConfig() stops a configuration that never ends, and says so', { timeout: 30_000 }, async () => {
  assert.deepEqual(problemsOf(await loadConfig('loops.config.mjs', fixtures)), [
    'loops.config.mjs did not end within 10 s, wanted a configuration',
  ])
})

test('loadConfig() notes what a configuration prints and does not wait for its timers', async () => {
  const config = valueOf(await loadConfig('prints.config.mjs', fixtures))
  assert.deepEqual(config.notes, ['prints.config.mjs printed "reading secrets"'])
})

test('loadConfig() reads a file and its imports again each time', async (t) => {
  const folder = folderFor(t)
  const write = (replicas: number) =>
    writeFileSync(join(folder, 'size.mjs'), `export const replicas = ${replicas}\n`)
  writeFileSync(
    join(folder, 'handover.config.mjs'),
    `import { replicas } from './size.mjs'\nexport default { services: { web: { script: 'a.js', replicas } } }\n`,
  )
  for (const replicas of [1, 2]) {
    write(replicas)
    assert.equal(valueOf(await loadConfig(null, folder)).services[0]?.replicas, replicas)
  }
})

test('loadConfig() takes relative paths from the folder of the file', async (t) => {
  const folder = folderFor(t)
  mkdirSync(join(folder, 'conf/current'), { recursive: true })
  writeFileSync(
    join(folder, 'conf/a.yaml'),
    'services: { web: { script: a.js, cwd: current, listen: { http: "unix:a.sock" } } }\n',
  )
  const [web] = valueOf(await loadConfig('conf/a.yaml', folder)).services
  assert.equal(web?.cwd, join(folder, 'conf/current'))
  assert.deepEqual(web?.listen['http'], {
    type: 'unix',
    path: join(folder, 'conf/a.sock'),
    mode: 0o666,
    backlog: 4096,
  })
})

test('findConfig() finds the configuration of a folder, programs before documents', (t) => {
  const folder = folderFor(t)
  assert.equal(findConfig(folder), null)
  copyFileSync(join(fixtures, 'good.yaml'), join(folder, 'handover.config.yaml'))
  assert.equal(findConfig(folder), join(folder, 'handover.config.yaml'))
  copyFileSync(join(fixtures, 'module.config.mjs'), join(folder, 'handover.config.mjs'))
  assert.equal(findConfig(folder), join(folder, 'handover.config.mjs'))
})

test('loadConfig() says where it looked when there is no configuration', async (t) => {
  const folder = folderFor(t)
  assert.deepEqual(problemsOf(await loadConfig(null, folder)), [
    `there is no configuration in "${folder}", wanted a handover.config.{ts,mts,mjs,js,cjs,json,yaml,yml}`,
  ])
})

test('isConfigFile() is true for configurations and false for scripts', () => {
  const configs = [
    'handover.config.ts',
    'a/handover.config.mjs',
    'staging.handover.config.js',
    'a.yaml',
    'a.yml',
    'a.json',
  ]
  for (const file of configs) assert.equal(isConfigFile(file), true, file)
  for (const file of ['server.js', 'app.ts', 'next.config.js', './my-go-server'])
    assert.equal(isConfigFile(file), false, file)
})
