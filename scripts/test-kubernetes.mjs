// Builds the control plane of Kubernetes where that has not been done, and runs the tests that need it. Where it
// cannot be built they are skipped, each with the reason; in CI that is a failure.
import { spawn, spawnSync } from 'node:child_process'

const build = new URL('kubernetes/build.sh', import.meta.url).pathname
const { status, stdout } = spawnSync(build, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
if (status !== 0 && process.env.CI) process.exit(1)

const tests = new URL('../packages/supervisor/dist-test/kubernetes/cluster/', import.meta.url).pathname
const words = process.argv.slice(2)
const files = words.length === 0 ? [`${tests}*.test.js`] : words.map((word) => `${tests}*${word}*.test.js`)
const env = status === 0 ? { ...process.env, HANDOVER_KUBERNETES: stdout.trim() } : process.env
// Each has a cluster and a network of its own, and waits most of the time: for probes, delays, drains.
const runner = spawn(
  'sh',
  ['-c', `exec "$0" --test --test-concurrency=3 --test-timeout=300000 ${files.join(' ')}`, process.execPath],
  {
    stdio: 'inherit',
    env,
  },
)
runner.on('exit', (code) => process.exit(code ?? 1))
