// Looks at the packages as they would be published: every export and program is there and loads, nothing is in
// them that is only ours.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiProblems, published } from './public-api.mjs'

const root = new URL('..', import.meta.url).pathname
const problems = []

for (const folder of published) {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '-w', folder], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  )
  const files = new Set(packed.files.map(({ path }) => path))
  const has = (path) => files.has(path.replace(/^\.\//, ''))
  const complain = (sentence) => problems.push(`${manifest.name}: ${sentence}`)

  for (const wanted of [
    'README.md',
    'LICENSE',
    ...targets(manifest.exports),
    ...Object.values(manifest.bin ?? {}),
  ])
    if (!has(wanted)) complain(`"${wanted}" is not in the package`)
  for (const path of files)
    if (/tsbuildinfo|\.test\.|dist-test/.test(path)) complain(`"${path}" is in the package`)
  for (const [name, target] of Object.entries(manifest.exports)) {
    const file = target.default
    if (!file?.endsWith('.js') || name === './register' || name === './bin') continue
    try {
      await import(join(root, folder, file))
    } catch (error) {
      complain(`the export "${name}" does not load: ${error.message}`)
    }
  }
  const runtime = Object.keys(manifest.dependencies ?? {})
  if (manifest.name === '@handover/process' && runtime.length > 0)
    complain(`it depends on ${runtime.join(', ')}, wanted no dependency`)
  console.log(
    `${manifest.name} ${manifest.version}: ${files.size} files, ${(packed.size / 1024).toFixed(0)} KiB packed`,
  )
}

const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
if (lock.includes('"resolved": "http'))
  problems.push('package-lock.json names where packages were downloaded from')
if (!existsSync(join(root, 'packages/supervisor/schema/handover.schema.json')))
  problems.push('the JSON Schema was not generated')

const versionOf = (folder) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')).version
const { version } = await import('../packages/process/dist/protocol/version.js')
if (version !== versionOf('packages/process'))
  problems.push(
    `packages/process/src/protocol/version.ts has "${version}", wanted "${versionOf('packages/process')}" as in package.json`,
  )
problems.push(...apiProblems())

for (const problem of problems) console.error(problem)
process.exit(problems.length === 0 ? 0 : 1)

function targets(exports) {
  return Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  )
}
