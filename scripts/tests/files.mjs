// Which compiled test files there are, which of them are unit tests, and in which order they run.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = new URL('../../', import.meta.url).pathname
const weightsFile = new URL('weights.json', import.meta.url).pathname

/**
 * Tests that start no supervisor and no service, by their path below `packages`: folders and single files. Most are over
 * before a process of their own would have started, so several files share one.
 */
const unitTests = [
  /^supervisor\/test\/(config|control|daemon|engine|rollout|shared|kubernetes\/(render|rollout))\//,
  /^supervisor\/test\/verify\/(parser|units)\./,
  /^supervisor\/test\/adapters\/(advice|instance-messages|journal|launch|posix)\./,
  /^process\/test\/(event-boundary|frames|http1-headers|inherited|listen-call|probe-sockets|subscribers)\./,
]
/** In those folders, but they run the command again and again. */
const commandTests = /^supervisor\/test\/kubernetes\/(render\/command|rollout\/commands)\./

/** Tests against systemd, the examples, public programs, and other languages: `npm run test:slow` runs them. */
const slowTests = [
  /^supervisor\/test\/systemd\/(alone|library|socket-activation|supervisor|survival)\./,
  /^supervisor\/test\/e2e\/(grpc|h2load|http2-clients|languages|steer-rolls)\./,
  /^supervisor\/test\/programs\//,
  /^process\/test\/(examples|socket-io)\./,
]
/** Random programs, whose faults nobody has looked at yet: `node scripts/test.mjs same-many` runs them. */
const randomTests = /^supervisor\/test\/same\/same-many\./
/** Tests that need a cluster: `npm run test:kubernetes` runs them. */
const clusterTests = /^supervisor\/test\/kubernetes\/cluster\//

/**
 * @typedef {object} TestFile
 * @property {string} source its path in the repository, which the weights are recorded by
 * @property {string} path of the compiled file
 * @property {'unit' | 'process' | 'slow' | 'random' | 'cluster'} kind
 */

/** @returns {TestFile[]} */
export function testFiles() {
  const packages = join(root, 'packages')
  const compiled = readdirSync(packages).flatMap((name) => filesBelow(join(packages, name, 'dist-test')))
  const paths = [...compiled, ...filesBelow(join(root, 'scripts'))]
  return paths
    .filter((path) => /\.test\.m?js$/.test(path))
    .map((path) => {
      const source = relative(root, path).replace(/\/dist-test\/(.*)\.js$/, '/test/$1.ts')
      return { source, path, kind: kindOf(source) }
    })
}

function filesBelow(folder) {
  try {
    return readdirSync(folder, { recursive: true }).map((name) => join(folder, name))
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

function kindOf(source) {
  if (source.startsWith('scripts/')) return 'unit'
  const path = relative('packages', source)
  if (clusterTests.test(path)) return 'cluster'
  if (randomTests.test(path)) return 'random'
  if (slowTests.some((place) => place.test(path))) return 'slow'
  return unitTests.some((place) => place.test(path)) && !commandTests.test(path) ? 'unit' : 'process'
}

/**
 * What Node's runner gets, the longest first: a long file that starts last holds everything up. Unit tests become one
 * file per process of `atOnce` that imports them.
 * @param {TestFile[]} files
 */
export function schedule(files, atOnce) {
  const weights = readWeights()
  // A file that was never measured may be the longest.
  const weightOf = ({ source }) => weights[source] ?? Infinity
  const heaviestFirst = (a, b) => b.weight - a.weight || a.path.localeCompare(b.path)
  const weighed = files.map((file) => ({ ...file, weight: weightOf(file) })).sort(heaviestFirst)

  const groups = Array.from({ length: atOnce }, () => ({ weight: 0, files: [] }))
  for (const file of weighed.filter(({ kind }) => kind === 'unit')) {
    const group = groups.reduce((least, other) => (other.weight < least.weight ? other : least))
    group.files.push(file)
    group.weight += file.weight === Infinity ? 1 : file.weight
  }
  const entries = groups
    .filter(({ files }) => files.length > 0)
    .map(({ weight, files }, index) => ({ weight, path: entryFor(files, index + 1) }))
  return [...entries, ...weighed.filter(({ kind }) => kind !== 'unit')]
    .sort(heaviestFirst)
    .map(({ path }) => path)
}

function entryFor(files, number) {
  if (files.length === 1) return files[0].path
  const folder = join(root, 'node_modules/.cache/tests')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `unit-${number}.mjs`)
  writeFileSync(
    path,
    files.map((file) => `import ${JSON.stringify(pathToFileURL(file.path).href)}\n`).join(''),
  )
  return path
}

/** Seconds by source file. */
function readWeights() {
  return JSON.parse(readFileSync(weightsFile, 'utf8'))
}

/** Replaces the weights of the files that ran, and forgets those that are no more. */
export function recordWeights(seconds) {
  const known = new Set(testFiles().map(({ source }) => source))
  const weights = { ...readWeights(), ...seconds }
  const sources = Object.keys(weights).filter((source) => known.has(source))
  const rounded = sources.sort().map((source) => [source, Math.round(weights[source] * 10) / 10])
  writeFileSync(weightsFile, JSON.stringify(Object.fromEntries(rounded), null, 2) + '\n')
}
