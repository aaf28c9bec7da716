// The supervisor and the application on each Node that is supported, under load, upgraded again and again: how many
// requests failed, and how many connections were closed. One failure or one close, and it exits with 1.
//
//     npm run test:nodes -- [--upgrades 100] [20 22 24 26]
//
// Other Nodes than the one that runs this come from npm, into node_modules/.cache.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { upgrades: { type: 'string', default: '100' } },
})
const majors = positionals.length > 0 ? positionals : ['20', '22', '24', '26']
const cache = new URL('../node_modules/.cache/nodes/', import.meta.url).pathname
const run = new URL('nodes/run.mjs', import.meta.url).pathname

let failed = false
for (const major of majors) {
  const node = nodeOf(major)
  for (const app of ['hello.cjs', 'library.mjs']) {
    const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
    const child = spawn(node, [run, app, values.upgrades], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const [line, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
    process.stdout.write(line)
    failed ||= code !== 0
  }
}
process.exitCode = failed ? 1 : 0

/** The program of that major version; npm has Node as a package for each platform. */
function nodeOf(major) {
  if (process.versions.node.split('.')[0] === major) return process.execPath
  const name = `node-${process.platform}-${process.arch}`
  const folder = join(cache, major)
  const program = join(folder, 'node_modules', name, 'bin', 'node')
  if (!existsSync(program)) {
    const args = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund']
    execFileSync('npm', [...args, `${name}@${major}`], { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return program
}
