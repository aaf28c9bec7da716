// Runs the compiled tests, and prints the slowest files at the end.
//
//     node scripts/test.mjs [--unit | --slow] [--record-times] [--at-once N] [WORD...]
//
// WORD: only files whose path has one of the words in it. --unit: only those that start no process of a service.
// --slow: only those against systemd, the examples, and programs in other languages. Without it and without a WORD they
// are left out. Random programs (same-many) need a WORD.
// --record-times: keeps how long each file took in scripts/tests/weights.json; the next run starts the longest first.
// --at-once: how many files run at a time.
// With CI in the environment a test that is skipped fails the run, unless scripts/tests/expected-skips.mjs has it.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { testFiles } from './tests/files.mjs'
import { runTests } from './tests/run.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    unit: { type: 'boolean', default: false },
    slow: { type: 'boolean', default: false },
    'record-times': { type: 'boolean', default: false },
    'at-once': { type: 'string' },
  },
})

const all = positionals.length > 0 ? ['unit', 'process', 'slow', 'random'] : ['unit', 'process']
const kinds = values.unit ? ['unit'] : values.slow ? ['slow'] : all
const files = testFiles()
  .filter(({ kind }) => kinds.includes(kind))
  .filter(({ source }) => positionals.length === 0 || positionals.some((word) => source.includes(word)))

if (files.length === 0) {
  console.error(`no test file matches "${positionals.join(' ')}"; run "npm run build" first?`)
  process.exit(2)
}

// Each of them is several processes under load, which also wait: for drains, delays and probes. More at a time would
// measure how the tests disturb each other.
const atOnce = Number(
  values['at-once'] ?? Math.min(Math.max(3, Math.floor(availableParallelism() * 0.75)), 4),
)
process.exitCode = await runTests(files, {
  atOnce,
  recordTimes: values['record-times'],
  strict: Boolean(process.env.CI),
})
