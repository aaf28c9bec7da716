import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { specFromCommand } from '../../dist/config/flags.js'
import {
  divideNodeWords,
  optionsWithoutScript,
  optionsWithValue,
  splitNodeOptions,
} from '../../dist/model/node-words.js'
import { planOf, problemOf, releaseOf } from './launch-rig.js'

interface NodeOptions {
  /** Each option with whether it takes a value. */
  options: [string, boolean][]
  aliases: [string, string[]][]
}

/** What the Node that runs this test parses. Types below 3 are no-ops, V8's options and booleans. */
const parsed = JSON.parse(
  execFileSync(
    process.execPath,
    [
      '--no-warnings',
      '--expose-internals',
      '-e',
      `const { getCLIOptionsInfo, getCLIOptions } = require('internal/test/binding').internalBinding('options')
      const { options, aliases } = (getCLIOptionsInfo ?? getCLIOptions)()
      console.log(JSON.stringify({
        options: [...options].map(([name, { type }]) => [name, type >= 3]),
        aliases: [...aliases],
      }))`,
    ],
    { encoding: 'utf8' },
  ),
) as NodeOptions

/** Its value is always `node.config.json`, although it is an alias of an option with a value. */
const readsNodeConfig = '--experimental-default-config-file'

test('optionsWithValue has each option of this Node that takes a value', () => {
  const takers = parsed.options.filter(([, takes]) => takes).map(([name]) => name)
  const aliases = parsed.aliases
    .filter(
      ([name, [first = '', ...more]]) => !/[= ]/.test(name) && more.length === 0 && takers.includes(first),
    )
    .map(([name]) => name)
  const known = [...optionsWithValue, ...optionsWithoutScript, readsNodeConfig]
  // A name in brackets cannot be written on a command line.
  const missing = [...takers, ...aliases].filter((name) => !name.startsWith('[') && !known.includes(name))
  assert.deepEqual(missing, [])
})

test('optionsWithValue has no option of this Node that takes none', () => {
  const others = parsed.options.filter(([, takes]) => !takes).map(([name]) => name)
  // Belongs to V8 before Node 22, where it is an error with a value in the next word.
  const wrong = others.filter((name) => optionsWithValue.has(name) && name !== '--stack-trace-limit')
  assert.deepEqual(wrong, [])
})

describe('divideNodeWords() finds the script that Node runs', () => {
  const table: [string, string | undefined][] = [
    ['app.js --import x', 'app.js'],
    ['--unhandled-rejections strict app.js', 'app.js'],
    ['--unhandled-rejections=strict app.js', 'app.js'],
    ['--unhandled_rejections strict app.js', 'app.js'],
    ['--max_http_header_size=1 --title x app.js', 'app.js'],
    ['-r ./a.js -C dev --import=./b.js app.js', 'app.js'],
    ['--inspect app.js', 'app.js'],
    ['--inspect=9230 app.js', 'app.js'],
    ['--inspect-port 9230 --debug-port 9231 app.js', 'app.js'],
    ['--trace-events-enabled app.js', 'app.js'],
    ['--no-warnings --max-old-space-size=200 app.js', 'app.js'],
    ['--title x -- -app.js', '-app.js'],
    ['- app.js', '-'],
    ['--eval 1 app.js', undefined],
    ['-pe 1', undefined],
    ['--title', undefined],
  ]
  for (const [words, script] of table) {
    test(words, () => assert.equal(divideNodeWords(words.split(' ')).script, script))
  }
})

describe('divideNodeWords() agrees with the Node that runs this test', () => {
  const values: Record<string, string> = {
    '--unhandled-rejections': 'strict',
    '--inspect-port': '0',
    '--disable-warning': 'ExperimentalWarning',
    '--redirect-warnings': '/dev/null',
    '-r': 'node:fs',
    '--import': 'node:fs',
  }
  for (const [option, value] of Object.entries(values)) {
    test(`${option} ${value}`, (t) => {
      const release = releaseOf(t, { 'app.cjs': 'console.log(require("path").basename(process.argv[1]))' })
      const words = [option, value, 'app.cjs', 'arg.cjs']
      const printed = execFileSync(process.execPath, words, { cwd: release, encoding: 'utf8' })
      assert.equal(divideNodeWords(words).script, printed.trim())
      assert.deepEqual(planOf(release, ['node', ...words]).argv.slice(1), words)
    })
  }
})

test('prepareLaunch() names a missing script behind options, and not the value of one', (t) => {
  const release = releaseOf(t, {})
  assert.equal(
    problemOf(release, ['node', '--disable-warning', 'DEP0040', '--enable-source-maps', 'app.js']),
    `the script "app.js" does not exist (looked for "${join(release, 'app.js')}")`,
  )
})

test('prepareLaunch() leaves the words behind an option that it does not know to Node', (t) => {
  planOf(releaseOf(t, { 'app.js': '' }), ['node', '--option-of-node-30', 'value', 'app.js'])
})

test('prepareLaunch() runs TypeScript as written when NODE_OPTIONS has a loader', (t) => {
  const release = releaseOf(t, { 'app.ts': '' })
  for (const own of ['--import tsx', '--title "a b" --import=tsx', '-r ts-node/register']) {
    const plan = planOf(release, ['node', 'app.ts'], { env: { NODE_OPTIONS: own } })
    assert.deepEqual(plan.argv.slice(1), ['app.ts'])
  }
})

describe('splitNodeOptions() splits like Node', () => {
  const table: [string, string[] | null][] = [
    ['--title x  --import=y', ['--title', 'x', '--import=y']],
    ['--require "./a b.js"', ['--require', './a b.js']],
    ['--require="./a \\"b\\\\.js"', ['--require=./a "b\\.js']],
    ['a\\b ""', ['a\\b', '']],
    ['', []],
    ['--title "x', null],
    ['--title "x\\', null],
  ]
  for (const [text, words] of table) {
    test(text, () => assert.deepEqual(splitNodeOptions(text), words))
  }
})

test('a service is called after its script, and not after a module that is loaded before it', (t) => {
  const folder = releaseOf(t, { 'app.mjs': '', 'hook.mjs': '' })
  const loaded = specFromCommand({ command: ['node', '--import', './hook.mjs', 'app.mjs'] }, folder)
  assert.equal(loaded.ok && loaded.value.services[0]?.name, 'app')
})
