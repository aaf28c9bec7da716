// Runs every compiled test, and those of the scripts, with Node's own test runner. Words on the command line choose files by name.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

const packages = new URL('../packages/', import.meta.url).pathname
const scripts = new URL('.', import.meta.url).pathname
const chosen = process.argv.slice(2)

const files = [...readdirSync(packages).map((name) => join(packages, name, 'dist-test')), scripts]
  .flatMap((folder) => filesBelow(folder))
  .filter((file) => /\.test\.m?js$/.test(file))
  .filter((file) => chosen.length === 0 || chosen.some((word) => file.includes(word)))

if (files.length === 0) {
  console.error(`no test file matches "${chosen.join(' ')}"; run 'npm run build' first?`)
  process.exit(2)
}

// Each of them is several processes under load: more at a time would measure how the tests disturb each other.
const atOnce = Math.min(Math.max(2, Math.floor(availableParallelism() * 0.75)), 4)
// A file that hangs fails instead of holding up the rest for ever; the longest takes a minute and a half.
const flags = ['--test', `--test-concurrency=${atOnce}`, '--test-timeout=300000']
const runner = spawn(process.execPath, [...flags, ...files], { stdio: 'inherit' })
runner.on('exit', (code) => process.exit(code ?? 1))

function filesBelow(folder) {
  try {
    return readdirSync(folder, { recursive: true }).map((name) => join(folder, name))
  } catch {
    return []
  }
}
