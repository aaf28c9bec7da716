// Installs the programs from npm that the slow tests upgrade, as their lock file has them, unless they are there already.
// Without a network their tests are skipped.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../packages/supervisor/test/fixtures/programs', import.meta.url))
const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8')
/** The lock file of what is installed. It is written last, so that half an installation is repeated. */
const installed = join(folder, 'node_modules/.installed.json')

if (!existsSync(installed) || readFileSync(installed, 'utf8') !== lock) {
  const { status } = spawnSync('npm', ['ci'], { cwd: folder, stdio: 'inherit' })
  if (status === 0) writeFileSync(installed, lock)
  else console.error(`npm ci failed in ${folder}: the tests of programs from npm will be skipped`)
}
