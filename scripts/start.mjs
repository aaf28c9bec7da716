// The main job, to be seen: an example service under the supervisor, real load on it, ten upgrades, a verdict.
// Exits with 1 if a single request failed.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../packages/testkit/dist/index.js'

const here = (path) => new URL(`../${path}`, import.meta.url).pathname
const home = mkdtempSync(join(tmpdir(), 'handover-demo-'))
const port = process.env.PORT ?? (await freePort())

const handover = (...args) => {
  console.log(`\n$ handover ${args.join(' ')}`)
  const { status } = spawnSync(
    process.execPath,
    [here('packages/supervisor/bin/handover.js'), ...args, '--name', 'demo'],
    {
      stdio: 'inherit',
      env: { ...process.env, HANDOVER_HOME: home },
    },
  )
  return status ?? 1
}

let code
try {
  code = handover('start', 'examples/hello/server.js', '-i', '2', '-e', `PORT=${port}`)
  if (code === 0) {
    code = handover(
      'verify',
      ...['--upgrades', '10', '--slow-path', '/slow', '--upload-path', '/upload', '--stream-path', '/stream'],
    )
  }
} finally {
  handover('stop')
  rmSync(home, { recursive: true, force: true })
}
console.log(
  code === 0 ? '\n✔ ten upgrades under load, not one failed request' : '\n✘ something failed, see above',
)
process.exit(code)
