// Builds the control plane of Kubernetes where that has not been done, and runs the tests that need it. Where it
// cannot be built they are skipped, each with the reason; in CI that is a failure.
import { spawnSync } from 'node:child_process'
import { testFiles } from './tests/files.mjs'
import { runTests } from './tests/run.mjs'

const build = new URL('kubernetes/build.sh', import.meta.url).pathname
const { status, stdout } = spawnSync(build, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
if (status !== 0 && process.env.CI) process.exit(1)
if (status === 0) process.env.HANDOVER_KUBERNETES = stdout.trim()

const words = process.argv.slice(2)
const files = testFiles()
  .filter(({ kind }) => kind === 'cluster')
  .filter(({ source }) => words.length === 0 || words.some((word) => source.includes(word)))
// Each has a cluster and a network of its own, and waits most of the time: for probes, delays, drains.
process.exitCode = await runTests(files, { atOnce: 3, strict: Boolean(process.env.CI) })
