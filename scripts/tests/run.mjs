// Runs test files with Node's own runner, and adds three things to its report: how long each file took, what was
// skipped, and whether it may be skipped.
import { setMaxListeners } from 'node:events'
import { Transform } from 'node:stream'
import { run } from 'node:test'
import { spec, tap } from 'node:test/reporters'
import { expectedSkips } from './expected-skips.mjs'
import { recordWeights, schedule } from './files.mjs'

/** Rows of the table. */
const slowest = 12

/**
 * Resolves with the exit code. `timeout`, in milliseconds, is for each file: one that hangs fails instead of holding up
 * the rest for ever. The longest takes a minute.
 * @param {import('./files.mjs').TestFile[]} files
 */
export function runTests(files, { atOnce, recordTimes = false, strict = false, timeout = 300_000 }) {
  const results = resultsOf(files)
  const stop = new AbortController()
  setMaxListeners(0, stop.signal) // each file listens
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stop.abort())
  const events = run({ files: schedule(files, atOnce), concurrency: atOnce, timeout, signal: stop.signal })
  const noted = events.pipe(withNotes(results))
  // TAP ends with "# tests 1" and so on, which programs can read; Node's default on a pipe differs by version.
  const report = process.stdout.isTTY ? noted.compose(new spec()) : noted.compose(tap)
  report.pipe(process.stdout)
  return new Promise((resolve) => {
    report.once('end', () => {
      if (recordTimes && !results.failed) recordWeights(results.seconds())
      const unexpected = results.skips.filter(({ expected }) => !expected)
      for (const { source, name, reason } of unexpected)
        console.error(`skipped, and not in scripts/tests/expected-skips.mjs: ${source}, "${name}": ${reason}`)
      resolve(results.failed || (strict && unexpected.length > 0) ? 1 : 0)
    })
  })
}

function resultsOf(files) {
  const sourceOf = new Map(files.map(({ path, source }) => [path, source]))
  const times = new Map()
  const running = new Map(files.map(({ source }) => [source, new Set()]))
  const results = {
    failed: false,
    skips: [],
    add({ type, data }) {
      if (type === 'test:fail') results.failed = true
      const source = sourceOf.get(data.file)
      if (type === 'test:dequeue' && data.name !== data.file) running.get(source)?.add(data.name)
      if (type === 'test:complete') running.get(source)?.delete(data.name)
      if (type === 'test:pass' && data.skip !== undefined) {
        const { name, skip: reason } = data
        const expected = expectedSkips.some((one) => one.files.test(source ?? '') && one.because.test(reason))
        results.skips.push({ source, name, reason, expected })
      }
      if (type !== 'test:complete' || data.nesting > 0 || source === undefined) return
      const time = times.get(source) ?? { whole: 0, tests: 0 }
      // The test that has the file's name is its process; files that share one have only their tests.
      time[data.name === data.file ? 'whole' : 'tests'] += data.details.duration_ms / 1000
      times.set(source, time)
    },
    /** Tests that had not ended when their file did. */
    unfinished: () =>
      [...running].flatMap(([source, names]) => [...names].map((name) => `unfinished: ${source}, "${name}"`)),
    seconds: () =>
      Object.fromEntries([...times].map(([source, { whole, tests }]) => [source, Math.max(whole, tests)])),
  }
  return results
}

/** Passes everything through, with the notes before Node's own closing lines. */
function withNotes(results) {
  let closing = false
  return new Transform({
    objectMode: true,
    transform(event, _encoding, done) {
      results.add(event)
      if (event.type === 'test:diagnostic' && !closing && isFirstClosingLine(event.data)) {
        closing = true
        for (const message of notesOn(results))
          this.push({ type: 'test:diagnostic', data: { nesting: 0, message } })
      }
      done(null, event)
    },
  })
}

const isFirstClosingLine = ({ nesting, message, file }) =>
  nesting === 0 && file === undefined && /^tests \d+$/.test(message)

function* notesOn({ seconds, skips, unfinished }) {
  yield* unfinished()
  const times = Object.entries(seconds()).sort(([, a], [, b]) => b - a)
  yield `slowest of ${times.length} files, in seconds:`
  for (const [source, time] of times.slice(0, slowest)) yield `${time.toFixed(1).padStart(7)}  ${source}`
  const reasons = new Map()
  for (const { reason } of skips) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  for (const [reason, count] of reasons) yield `skipped ${count}: ${reason}`
}
